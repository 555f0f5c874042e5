"""Joint super-resolution and deblurring of photographed text and faces.

Importing this package imports nothing else. `tfdeblur.inference` restores images without
TensorFlow; training, evaluation and export need the extra: ``pip install 'tfdeblur[train]'``.
"""

__version__ = "0.1.0"
