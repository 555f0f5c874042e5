"""The programs behind `tfdeblur VERB`."""
