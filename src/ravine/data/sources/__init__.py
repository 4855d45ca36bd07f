"""Sources of data, one a file, all reached by one argument."""
