"""The engine's policy for people of whom nothing but facts is known: what all others have taught decides."""

from collections.abc import Iterable, Sequence

from connectors.mappings.model import Evaluation
from foresend.evaluate.driver import SLOT, TEMPLATE, release_of
from foresend.evaluate.rows import LoggedDecision
from foresend.evaluate.timeline import WORKSPACE
from online_models.cells import Profile
from online_models.policies.choosing import policy_of
from online_models.prior.statistics import PriorStatistics
from online_models.scoring import Scorers
from online_models.slot_model import UserModels
from online_models.terms import Person, Situation, SlotTable
from online_models.trained import NOTHING_TRAINED
from online_models.vector import situation_of, vector_of
from schemas.ids import VariantId
from schemas.models import SNAPSHOT_BYTES_MAX, ModelSnapshot, SlotPrior


class Choosing:
    """What one evaluation's choosers share: what can be shown, by which settings.

    variants  all that can be chosen, in the order of a chooser's probabilities
    """

    def __init__(self, evaluation: Evaluation, decisions: Sequence[LoggedDecision]) -> None:
        release = release_of(evaluation, decisions)
        self._label = evaluation.learn
        self.settings = release.settings
        self.policy = policy_of(release.settings.policy)
        slot = release.templates[0].slots[0]
        self.table = SlotTable(TEMPLATE, SLOT, slot.variants, is_catalog=slot.items > 0)
        self.variants: tuple[VariantId, ...] = self.table.variants

    def taught_by(self, decisions: Iterable[LoggedDecision]) -> PriorStatistics:
        """What logged decisions and their outcomes teach, as the job's population learner takes it in."""
        statistics = PriorStatistics()
        for decision in decisions:
            label = float(decision.outcomes[self._label] > 0)
            situation = self.person(decision).situation
            statistics.learn(situation, decision.variant, decision.tags, 0.0, label, 0.0, self.settings.learning)
        return statistics

    def person(self, decision: LoggedDecision) -> Person:
        """Somebody never seen before, of whom the facts and numbers of a row are known."""
        profile = Profile(facts={**decision.facts, **decision.numbers})
        vector = vector_of(profile, self.settings, decision.at_ms)
        return Person({}, situation_of(vector, self.settings), UserModels(), b"", decision.at_ms, vector)


class Chooser:
    """Chooses as the job's policy would after all that some workers were taught, each by other decisions.

    One's own models are no part of it: each row is a person never seen before, and nobody is seen again.
    """

    def __init__(self, choosing: Choosing, taught: Iterable[PriorStatistics]) -> None:
        together = PriorStatistics()
        for statistics in taught:
            together.merge(statistics)
        prior = SlotPrior(learnt=together.snapshot(SNAPSHOT_BYTES_MAX), examples=together.examples)
        snapshot = ModelSnapshot(WORKSPACE, together.examples, {f"{TEMPLATE}/{SLOT}": prior})
        self._choosing = choosing
        self._scorer = Scorers(snapshot, NOTHING_TRAINED, choosing.settings.learning).of(choosing.table)
        self._known: dict[Situation, tuple[float, ...]] = {}

    def probabilities(self, decision: LoggedDecision) -> tuple[float, ...]:
        """With which probability each variant is shown."""
        person = self._choosing.person(decision)
        # Many people are alike in all that is known of them.
        found = self._known.get(person.situation)
        if found is None:
            scores = self._scorer.score(person)
            found = self._choosing.policy.probabilities(scores.scores, scores.uncertainties)
            self._known[person.situation] = found
        return found
