"""What `tfdeblur benchmark` measures: how fast pairs are made and read, and steps are trained."""
