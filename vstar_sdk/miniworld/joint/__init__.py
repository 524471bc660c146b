"""``miniworld-dit``: the joint sibling of the embedded model, whose frames and positions share one attention."""
