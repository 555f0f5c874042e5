"""Write SavedModel and TFLite artifacts that passed their gate."""
