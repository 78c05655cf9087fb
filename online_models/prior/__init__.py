"""The population's prior of a slot: a Bayesian logistic regression over hashed features that adds up over workers."""

from online_models.prior.statistics import PriorStatistics
from online_models.prior.term import PriorTerm

__all__ = ["PriorStatistics", "PriorTerm"]
