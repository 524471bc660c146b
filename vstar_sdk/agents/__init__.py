"""Tools for agents over the Model Context Protocol: plan, write, make, look at and change a story."""
