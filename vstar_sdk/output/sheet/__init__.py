"""How a contact sheet is laid out, set in type and drawn. Its modules load Pillow; this package and `layout` do not."""
