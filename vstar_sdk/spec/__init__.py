"""The run spec: its model, its files, its errors."""
