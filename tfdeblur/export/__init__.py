"""Write SavedModel and TFLite artifacts that passed the gate."""
