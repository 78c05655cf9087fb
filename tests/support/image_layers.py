"""The steps of a Dockerfile, run for real where there is no engine: in overlays of this machine's own files.

A stage is a folder of what its steps changed, laid over this machine's root folder by the kernel's overlay file
system, in a mount namespace that ends with the command. Paths are thus the image's own (`/opt/foresend`), nothing
outside the folder changes, and a program that is started sees a root folder that it cannot write to, under its own
user, as process 1. A stage begins with a copy of its base's folder: the kernel lays no folder over one it lies in.
What stands for a base image is this machine: a step that works here may still miss something in the image. So the
base's Python, and what no step may lean on (the checkout, /opt, /usr/local), are laid out fresh.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.support.dockerfiles import Instruction, Stage, ignore_patterns, is_ignored, stages
from tests.support.documents import ROOT

HIDDEN = ("opt", "usr/local", "jars", "build")
"""Folders of this machine that no image has."""
FOR_REGISTRIES = re.compile(
    r"(PIP|UV|MAVEN|SSL|REQUESTS|CURL)_\w+|https?_proxy|no_proxy|HTTPS?_PROXY|NO_PROXY", re.ASCII
)
NOT_OURS = re.compile(r"UV_(PROJECT_ENVIRONMENT|PYTHON\w*)")
OPAQUE = "trusted.overlay.opaque"
STEP_S = 900
UNSHARE = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private")
FREE_OF_RIGHTS = ("--clear-groups", "--no-new-privs", "--inh-caps=-all", "--bounding-set=-all")


class StepFailed(Exception):
    """A step ended with another code than 0; its line and words are told."""


@dataclass(frozen=True)
class Image:
    """A stage as far as it is built.

    layer  the folder of all changes to this machine's own files
    """

    layer: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: str = "/"
    user: str = "0:0"
    entry: tuple[str, ...] = ()

    def mount(self, work: str, on: str, options: str = "rw") -> str:
        """The line that lays its files at `on`."""
        return f"mount -t overlay x -o {options},lowerdir=/,upperdir={self.layer},workdir={work} {on}"

    def bytes_at(self, place: str) -> int:
        """What a folder of it weighs."""
        files = (self.layer / place.strip("/")).rglob("*")
        return sum(file.lstat().st_size for file in files if file.is_symlink() or file.is_file())


def missing_rights(folder: Path) -> str:
    """Why overlays cannot be laid here; empty: they can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "only root may lay one file system over another"
    for name in ("up", "work", "on"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    script = Image(folder / "up").mount(f"{folder}/work", f"{folder}/on")
    tried = subprocess.run([*UNSHARE, "sh", "-c", script], capture_output=True, text=True, check=False)
    return tried.stderr.strip()


class Builder:
    """Builds stages of one Dockerfile under a folder.

    stand_ins  for what comes from a registry: a base's layer, or the root of what files are only copied from
    """

    def __init__(self, dockerfile: Path, folder: Path, stand_ins: Mapping[str, Path]) -> None:
        self._stages = {stage.name: stage for stage in stages(dockerfile)}
        self._name = dockerfile.name
        self._folder = folder
        self._stand_ins = stand_ins
        self._built: dict[str, Image] = {}
        self._context: Path | None = None

    def build(self, target: str) -> Image:
        """The stage, and those that it needs."""
        if target not in self._built:
            stage = self._stages[target]
            image = self._begin(stage)
            for step in stage.instructions:
                image = self._step(image, step)
            self._built[target] = image
        return self._built[target]

    def _begin(self, stage: Stage) -> Image:
        base = self.build(stage.base) if stage.base in self._stages else self._stand_in(stage.base)
        own = self._folder / f"stage-{stage.name}"
        # `cp` keeps what Python's copy does not: the marks of the overlay itself.
        subprocess.run(["cp", "--archive", str(base.layer), str(own)], check=True)
        return replace(base, layer=own)

    def _stand_in(self, name: str) -> Image:
        return Image(self._stand_ins[name], {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"})

    def _step(self, image: Image, step: Instruction) -> Image:
        match step.keyword:
            case "ENV":
                return replace(image, environment={**image.environment, **step.pairs})
            case "USER":
                return replace(image, user=step.text)
            case "ENTRYPOINT":
                return replace(image, entry=tuple(step.words))
            case "WORKDIR":
                self._in(image, f"mkdir -p on{shlex.quote(step.text)}", step)
                return replace(image, folder=step.text)
            case "RUN":
                given = _for_registries() | dict(image.environment)
                self._in(image, _entering(image, ["/bin/sh", "-ec", step.text], given), step)
            case "COPY":
                self._copy(image, step)
        return image

    def _copy(self, image: Image, step: Instruction) -> None:
        *sources, target = step.words
        place = target if target.startswith("/") else f"{image.folder.rstrip('/')}/{target}"
        is_into = place.endswith("/") or len(sources) > 1
        lines, origin = self._origin(step)
        place = f"on{place.rstrip('/').removesuffix('/.')}"
        for source in sources:
            found = f"{origin}/{source.strip('/')}"
            into = shlex.quote(place)
            # Of a folder the contents are copied; of a file, itself.
            lines += [
                f"if [ -d {found} ]; then mkdir -p {into}; cp -a {found}/. {into}/;",
                f"else mkdir -p {into if is_into else f'$(dirname {into})'}; cp -a {found} {into}; fi",
            ]
            lines += [f"chmod {mode} {into}" for mode in [step.flag("chmod")] if mode]
        self._in(image, "\n".join(lines), step)

    def _origin(self, step: Instruction) -> tuple[list[str], str]:
        """What to mount first, and where the sources then lie."""
        name = step.flag("from")
        if not name:
            return [], str(self._files())
        if name not in self._stages:
            return [], str(self._stand_ins[name])
        return [self.build(name).mount("from-work", "from", "ro")], "from"

    def _in(self, image: Image, script: str, step: Instruction) -> None:
        """Run a script as root with the stage's files at `on/`."""
        for name in ("work", "on", "from", "from-work"):
            (self._folder / name).mkdir(exist_ok=True)
        done = subprocess.run(
            [*UNSHARE, "sh", "-euc", f"{image.mount('work', 'on')}\n{script}"],
            cwd=self._folder,
            capture_output=True,
            text=True,
            timeout=STEP_S,
            check=False,
        )
        if done.returncode:
            said = (done.stdout + done.stderr)[-3000:]
            raise StepFailed(
                f"{self._name}, line {step.line}: {step.keyword} ended with code {done.returncode}:\n{said}"
            )

    def _files(self) -> Path:
        """The build's context: what git would keep of the checkout, less what .dockerignore leaves out."""
        if self._context is None:
            self._context = self._folder / "context"
            for name in context_files():
                target = self._context / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, target)
        return self._context


def context_files() -> list[str]:
    """Names of files that a build is handed."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\0")
    patterns = ignore_patterns(ROOT / ".dockerignore")
    return [name for name in listed if name and (ROOT / name).is_file() and not is_ignored(name, patterns)]


def _for_registries() -> dict[str, str]:
    """By which of our variables package managers find their registries, as an engine's build has them by other ways."""
    given = {name: value for name, value in os.environ.items() if FOR_REGISTRIES.fullmatch(name)}
    return {"HOME": "/root"} | {name: value for name, value in given.items() if not NOT_OURS.fullmatch(name)}


def _entering(image: Image, command: Sequence[str], environment: Mapping[str, str]) -> str:
    """The lines that become the command, inside, with these variables and no others."""
    user, _, group = image.user.partition(":")
    rights = [] if user == "0" else [f"--reuid={user}", f"--regid={group}", *FREE_OF_RIGHTS]
    chosen = ["setpriv", *rights] if rights else []
    variables = [f"{name}={value}" for name, value in environment.items()]
    inside = ["/usr/bin/env", "-i", f"--chdir={image.folder}", *variables, *chosen, *command]
    return "\n".join(
        [
            "mount -t proc proc on/proc",
            "mount --rbind /dev on/dev",
            "mount -t tmpfs -o mode=1777 tmpfs on/tmp",
            f"exec chroot on {shlex.join(inside)}",
        ]
    )


def command_of(
    image: Image, arguments: Sequence[str], volumes: Mapping[str, Path], given: Mapping[str, str]
) -> list[str]:
    """What runs a program of the image over a root folder that nobody can write to; `work` and `on` lie beside.

    volumes  place inside: folder here
    given    variables beside the image's own
    """
    lines = [image.mount("work", "on", "ro")]
    lines += [f"mount -t tmpfs tmpfs on/{name}" for name in ("root", "run")]
    lines += [f"mount --bind {shlex.quote(str(here))} on{place}" for place, here in volumes.items()]
    script = "\n".join([*lines, _entering(image, [*image.entry, *arguments], {**image.environment, **given})])
    return [*UNSHARE, "sh", "-euc", script]


def python_base(folder: Path) -> Path:
    """A layer in which Python lies as in its own image: in /usr/local, and nothing else there."""
    for name in (*HIDDEN, str(ROOT).strip("/")):
        (folder / name).mkdir(parents=True)
        os.setxattr(folder / name, OPAQUE, b"y")
    local = folder / "usr/local"
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    prefix = Path(sys.base_prefix)
    shutil.copytree(
        prefix / "lib" / version,
        local / "lib" / version,
        symlinks=True,
        ignore=shutil.ignore_patterns("site-packages", "test", "__pycache__"),
    )
    (local / "bin").mkdir()
    shutil.copy2(prefix / "bin" / version, local / "bin" / version)
    for name in ("python3", "python"):
        (local / "bin" / name).symlink_to(version)
    for library in (prefix / "lib").glob("libpython*.so*"):
        shutil.copy2(library, local / "lib" / library.name, follow_symlinks=False)
    # As in the image: the loader knows /usr/local/lib.
    work, on = folder.with_name("base-work"), folder.with_name("base-on")
    for place in (work, on):
        place.mkdir()
    mount = Image(folder).mount(str(work), str(on))
    subprocess.run([*UNSHARE, "sh", "-euc", f"{mount}\nchroot {on} ldconfig"], check=True)
    return folder
