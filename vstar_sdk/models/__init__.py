"""Video models as the sampler sees them: facts from configuration files, adapters over loaded networks."""
