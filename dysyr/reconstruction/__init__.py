"""Methods that fit a generative model to a data set, one file each."""
