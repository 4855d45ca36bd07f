"""From a rule to a `torch.optim.Optimizer`: the only place that changes parameters."""
