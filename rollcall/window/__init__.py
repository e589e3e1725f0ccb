"""What the window is made of: widgets, and the model that they show. The only room that knows tkinter."""
