"""Joint super-resolution and deblurring of photographed text and faces.

Importing this package loads no other. `tfdeblur.inference` restores images without
TensorFlow; training, evaluation and export need the extra: ``pip install 'tfdeblur[train]'``.
"""

from tfdeblur import stack as stack  # Before anything imports TensorFlow; see there.

__version__ = "0.1.0"
