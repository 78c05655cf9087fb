"""A whole demo, from nothing to nothing: start, live, tell, stop."""

import asyncio
from collections.abc import Callable
from typing import Any

import uvloop

from foresend.demo.ending import Ending, Phase
from foresend.demo.inbox.pace import to_the_inbox
from foresend.demo.inbox.post_office import PostOffice
from foresend.demo.live import LiveDemo
from foresend.demo.order import DemoOrder
from foresend.demo.playground.named import named_people
from foresend.demo.playground.page_server import serving_page
from foresend.demo.programs import DemoPrograms
from foresend.demo.telling import Telling
from foresend.demo.view import Setting
from foresend.freshness import probe_place
from foresend.simulation.pace import at_pace
from foresend.simulation.simulation import Simulation
from templates.compiler import compile_release
from templates.workspace import load

Finished = Callable[[dict[str, Any]], None]


def run_demo(order: DemoOrder, telling: Telling, finished: Finished) -> None:
    """Run a demo; all that it started has ended when this returns, and however else it ends.

    finished  told the figures, before the programs are stopped

    Raises:
        ConfigError: the order or the workspace cannot be, or something is missing on this machine.
        ProcessFailed: a program has ended by itself.
        KeyboardInterrupt: somebody ended it before it ran.
    """
    order.check()
    with Ending(telling.give_up) as ending:
        workspace = load(order.workspace)
        release = to_the_inbox(at_pace(compile_release(workspace), order.day_s))
        simulation = Simulation(
            release,
            people=order.people,
            seed=order.seed,
            day_s=order.day_s,
            taste=order.taste,
            turn_at_s=order.turn_at_s,
        )
        named = named_people(workspace, release, [person.user for person in simulation.people])
        with (
            telling.steps as steps,
            PostOffice(release, [person.address for person in named]) as post,
            DemoPrograms(order.folder, release, steps, standalone=order.chaos) as programs,
        ):
            ending.phase = Phase.RUNNING
            try:
                with (
                    asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
                    serving_page(release, named, order.day_s, programs, post.mailbox) as page,
                ):
                    live = LiveDemo(order, release, simulation, named, programs, post)
                    setting = Setting(
                        addresses=[f"{page}/{person.user}" for person in named],
                        day_s=order.day_s,
                        can_probe=probe_place(release) is not None,
                        ends_after_s=order.seconds,
                    )
                    figures = runner.run(live.run(telling, setting, ending))
            finally:
                ending.phase = Phase.STOPPING
            finished(figures)
            telling.words(["Stopping all programs ..."])
