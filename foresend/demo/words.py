"""What a demo has measured, in sentences."""

from collections.abc import Mapping
from typing import Any

from foresend.demo.view import clock, percent, signed_percent, whole

Figures = Mapping[str, Any]


def in_words(figures: Figures) -> list[str]:
    """The figures of a whole run, one sentence each."""
    return [sentence for sentence in (
        _run(figures), _start(figures), _freshness(figures), _clicks(figures), _lift(figures), _optimum(figures),
        _turn(figures), _faults(figures), _chaos(figures), _memory(figures),
    ) if sentence]  # fmt: skip


def _run(figures: Figures) -> str:
    return (
        f"In {clock(figures['seconds'])} minutes, {figures['users']:,} simulated people made {figures['events']:,} "
        f"events ({figures['events_per_s']:,.0f} a second); {figures['sends']:,} messages were drawn for them."
    )


def _start(figures: Figures) -> str:
    first = f"The first personal message could be read {figures['first_message_s']:.0f} s after the start"
    setup, megabytes = figures["setup_s"], figures["download_mb"]
    setting_up = [f"setting up took {setup:.0f} s"] if setup is not None else []
    setting_up += [f"what is downloaded for it are {megabytes:,.0f} MB"] if megabytes is not None else []
    return "; ".join([first, *setting_up]) + "."


def _freshness(figures: Figures) -> str:
    if figures["freshness_p50_ms"] is None:
        return "Freshness was not measured: no template of this workspace shows a field of text."
    return (
        f"A changed name was seen after {whole(figures['freshness_p50_ms'])} ms in the middle, after "
        f"{whole(figures['freshness_p99_ms'])} ms in 99 of 100 cases ({figures['probes']:,} probes, "
        f"{figures['probe_timeouts']:,} timed out)."
    )


def _clicks(figures: Figures) -> str:
    if not figures["sends"]:
        return "Nothing was sent."
    return (
        f"Of personalised messages {percent(figures['click_rate_personalised'])} were clicked; of the best single "
        f"choice for everybody {percent(figures['click_rate_best_fixed'])}, of an even choice "
        f"{percent(figures['click_rate_uniform'])}. {percent(figures['personalised_share'])} of all sends came from "
        "what the person had done."
    )


def _lift(figures: Figures) -> str:
    lift, lo, hi = (figures[f"lift_vs_best_fixed{end}"] for end in ("", "_lo", "_hi"))
    if lift is None or lo is None or hi is None:
        return "Whether that is more than chance cannot be told yet: there were too few clicks."
    verdict = "more than chance" if lo > 0 else "less than chance would give" if hi < 0 else "may be chance"
    return (
        f"Against the best single choice that is {signed_percent(lift)}, with 95 % confidence "
        f"{signed_percent(lo)} to {signed_percent(hi)}: {verdict}. The people are simulated."
    )


def _optimum(figures: Figures) -> str:
    share = figures["optimum_share"]
    if share is None:
        return ""
    return (
        f"Of what the simulator knows to be possible beyond the best single choice, {percent(share)} was reached, "
        f"{percent(figures['optimum_share_recent'])} of late."
    )


def _turn(figures: Figures) -> str:
    if "recovered_s" not in figures:
        return ""
    before, lowest, recovered = (figures[name] for name in ("rate_before", "rate_after_turn", "recovered_s"))
    if before is None or lowest is None:
        return "All tastes turned at half time; there was not time enough to see what became of it."
    back = "was not back at 90 % of it" if recovered is None else f"was back at 90 % of it {recovered:.0f} s later"
    return (
        f"All tastes turned at half time: the click rate fell from {percent(before)} to {percent(lowest)}, and {back}."
    )


def _faults(figures: Figures) -> str:
    return (
        f"{figures['dead_letters']:,} dead letters, {figures['restarts']:,} restarts of the job, "
        f"{figures['refused']:,} requests refused; the traffic was held back for {figures['held_s']:.0f} s."
    )


def _chaos(figures: Figures) -> str:
    if "recovered_in_s" not in figures:
        return ""
    recovered = figures["recovered_in_s"]
    if recovered is None:
        return "The task manager was killed, and the job did not come back."
    return f"The task manager was killed; all of the job ran again {recovered:.0f} s later, and nothing was lost."


def _memory(figures: Figures) -> str:
    if figures["memory_mb"] is None:
        return ""
    slope = figures["memory_slope_mb_per_min"]
    growth = "" if slope is None else f", growing by {slope:.1f} MB a minute over the second half"
    return f"All programs together hold {whole(figures['memory_mb'])} MB of memory{growth}."
