"""How many examples a property is tried with: enough to find what is wrong, few enough to be run all the time."""

from hypothesis import settings

# No deadline: a busy machine is slow, and that is no fault of what is tested.
settings.register_profile("foresend", deadline=None, max_examples=60)
settings.load_profile("foresend")
