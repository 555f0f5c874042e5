"""Making data sets: a folder of images in, shards of degraded pairs out; builds can be resumed."""
