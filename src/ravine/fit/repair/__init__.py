"""Going back on a training that diverged: the last good place, remedies tried as short forks, what helps adopted."""
