"""How many examples a property test tries. No deadline: a machine that is busy with other things proves nothing."""

from hypothesis import HealthCheck, settings

quick = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
