"""Random sequences of what people do with models, against dicts that cannot be wrong.

After each step the refs of the repository `models` must be those of the versions and
aliases that there are, and nothing else; and what a rule refuses must be what it forbids.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from lakebed.server.errors import (
    ApprovalNotFoundError,
    ConflictError,
    LakeError,
    ModelNotFoundError,
    ModelVersionNotFoundError,
    PromotionRefusedError,
    StillNeededError,
)
from lakebed.server.provenance import aliases, judging, models, registering
from lakebed.server.registry.rules import AliasRule
from lakebed.server.repository.branches import list_branches
from lakebed.server.repository.resolving import get_repository
from lakebed.server.repository.tags import list_tags
from lakebed.server.runs.statuses import Status

from support.engines import BlockingEngine
from support.models import ANN, BOB, EVE, Somebody, judge, train

NAMES = st.sampled_from(["fraud", "churn"])
ALIASES = st.sampled_from(["prod", "dev"])
NUMBERS = st.integers(1, 5)
PEOPLE = st.sampled_from([ANN, BOB, EVE])
RULES = st.builds(
    AliasRule,
    ALIASES,
    st.booleans(),
    st.sampled_from([(), ("bias",)]),
)


@dataclass
class Version:
    author: Somebody
    approvals: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    """Alias and name of the person."""
    has_passed: bool | None = None


@dataclass
class Model:
    """Of one name, also when it is deleted: what must be remembered of it."""

    is_there: bool = False
    last: int = 0
    versions: dict[int, Version] = field(default_factory=dict[int, Version])
    aliases: dict[str, int] = field(default_factory=dict[str, int])
    rules: dict[str, AliasRule] = field(default_factory=dict[str, AliasRule])
    places: dict[str, list[int | None]] = field(
        default_factory=dict[str, list["int | None"]]
    )
    """Of each alias: where it was, the last of them now; a rollback takes one away."""

    def allows(self, alias: str, number: int, mover: Somebody) -> bool:
        wanted = self.rules.get(alias)
        version = self.versions[number]
        if wanted is None:
            return True
        others = {
            person
            for approved, person in version.approvals
            if approved == alias and person not in (version.author.name, mover.name)
        }
        if wanted.needs_approval and not others:
            return False
        return not wanted.checks or version.has_passed is True


class RegistryMachine(RuleBasedStateMachine):
    """The model is `model`; the system under test is a lake with two runs."""

    def __init__(self) -> None:
        super().__init__()
        self.lake = BlockingEngine()
        self.model: dict[str, Model] = {"fraud": Model(), "churn": Model()}

    @initialize()
    def do_a_run(self) -> None:
        self.trained = self.lake.run(train(self.lake.engine))

    def attempt(self, work: object) -> LakeError | None:
        """Run `work`; return how it was refused, if it was."""
        try:
            self.lake.run(work)  # type: ignore[arg-type]
        except LakeError as error:
            return error
        return None

    def absent(self, name: str, number: int | None = None) -> type[LakeError] | None:
        """Return how a model, or a version, that is not there is refused."""
        model = self.model[name]
        if not model.is_there:
            return ModelNotFoundError
        if number is not None and number not in model.versions:
            return ModelVersionNotFoundError
        return None

    @rule(name=NAMES, who=PEOPLE)
    def register(self, name: str, who: Somebody) -> None:
        model = self.model[name]
        work = registering.register(self.lake.engine, who, name, self.trained)
        made = self.lake.run(work)
        model.last += 1
        model.is_there = True
        model.versions[model.last] = Version(who)
        assert made.version.number == model.last

    @rule(name=NAMES, alias=ALIASES, number=NUMBERS, who=PEOPLE)
    def promote(self, name: str, alias: str, number: int, who: Somebody) -> None:
        model = self.model[name]
        error = self.attempt(
            aliases.promote(self.lake.engine, who, name, alias, number)
        )
        if expected := self.absent(name, number):
            assert type(error) is expected
        elif model.aliases.get(alias) == number:
            assert error is None
        elif not model.allows(alias, number, who):
            assert isinstance(error, PromotionRefusedError)
        else:
            assert error is None
            model.aliases[alias] = number
            model.places.setdefault(alias, [None]).append(number)

    @rule(name=NAMES, alias=ALIASES, who=PEOPLE)
    def roll_back(self, name: str, alias: str, who: Somebody) -> None:
        model = self.model[name]
        error = self.attempt(aliases.rollback(self.lake.engine, who, name, alias))
        places = model.places.get(alias)
        if expected := self.absent(name):
            assert type(error) is expected
        elif places is None:
            assert isinstance(error, ModelVersionNotFoundError)
        elif len(places) == 1 or places[-2] not in model.versions:
            assert type(error) is ConflictError
        else:
            assert error is None
            places.pop()
            back = places[-1]
            assert back is not None
            model.aliases[alias] = back

    @rule(name=NAMES, alias=ALIASES, who=PEOPLE)
    def delete_alias(self, name: str, alias: str, who: Somebody) -> None:
        model = self.model[name]
        error = self.attempt(aliases.delete_alias(self.lake.engine, who, name, alias))
        if expected := self.absent(name):
            assert type(error) is expected
        elif alias not in model.aliases:
            assert isinstance(error, ModelVersionNotFoundError)
        else:
            assert error is None
            del model.aliases[alias]
            model.places[alias].append(None)

    @rule(name=NAMES, number=NUMBERS)
    def delete_version(self, name: str, number: int) -> None:
        model = self.model[name]
        error = self.attempt(
            models.delete_version(self.lake.engine, ANN, name, str(number))
        )
        if expected := self.absent(name, number):
            assert type(error) is expected
        elif number in model.aliases.values():
            assert isinstance(error, StillNeededError)
        else:
            assert error is None
            del model.versions[number]

    @rule(name=NAMES)
    def delete_model(self, name: str) -> None:
        model = self.model[name]
        error = self.attempt(models.delete_model(self.lake.engine, ANN, name))
        if expected := self.absent(name):
            assert type(error) is expected
        elif model.aliases:
            assert isinstance(error, StillNeededError)
        else:
            assert error is None
            model.is_there = False
            model.versions.clear()
            model.rules.clear()

    @rule(name=NAMES, wanted=st.lists(RULES, max_size=2, unique_by=lambda r: r.alias))
    def set_rules(self, name: str, wanted: list[AliasRule]) -> None:
        error = self.attempt(judging.set_rules(self.lake.engine, name, wanted))
        assert (None if error is None else type(error)) is self.absent(name)
        if error is None:
            self.model[name].rules = {
                each.alias: each
                for each in wanted
                if each.needs_approval or each.checks
            }

    @rule(name=NAMES, number=NUMBERS, alias=ALIASES, who=PEOPLE)
    def approve(self, name: str, number: int, alias: str, who: Somebody) -> None:
        error = self.attempt(
            judging.approve(self.lake.engine, who, name, str(number), alias)
        )
        if expected := self.absent(name, number):
            assert type(error) is expected
        elif self.model[name].versions[number].author is who:
            assert type(error) is ConflictError
        else:
            assert error is None
            self.model[name].versions[number].approvals.add((alias, who.name))

    @rule(name=NAMES, number=NUMBERS, alias=ALIASES, who=PEOPLE)
    def withdraw(self, name: str, number: int, alias: str, who: Somebody) -> None:
        error = self.attempt(
            judging.withdraw_approval(self.lake.engine, who, name, str(number), alias)
        )
        if expected := self.absent(name, number):
            assert type(error) is expected
            return
        approvals = self.model[name].versions[number].approvals
        if (alias, who.name) not in approvals:
            assert isinstance(error, ApprovalNotFoundError)
        else:
            assert error is None
            approvals.remove((alias, who.name))

    @rule(name=NAMES, number=NUMBERS, passes=st.booleans())
    def check(self, name: str, number: int, passes: bool) -> None:
        if self.absent(name, number):
            return
        status = Status.SUCCEEDED if passes else Status.FAILED
        ref = f"{name}@{number}"
        run = self.lake.run(judge(self.lake.engine, ref, status=status))
        self.lake.run(
            judging.add_check(self.lake.engine, EVE, name, str(number), "bias", run)
        )
        self.model[name].versions[number].has_passed = passes

    @rule()
    def restart(self) -> None:
        self.lake.reopen()

    @invariant()
    def what_is_told_is_so(self) -> None:
        page = self.lake.run(models.list_models(self.lake.engine, limit=10))
        told = {
            view.model.name: (view.latest, view.aliases, len(view.rules))
            for view in page.items
        }
        assert told == {
            name: (max(model.versions, default=0), model.aliases, len(model.rules))
            for name, model in self.model.items()
            if model.is_there
        }

    @invariant()
    def the_refs_are_those_of_versions_and_aliases(self) -> None:
        assert self.lake.run(self.read_refs()) == self.lake.run(self.expect_refs())

    async def read_refs(self) -> dict[str, bytes]:
        engine = self.lake.engine
        if await engine.metadata.find_repository("models") is None:
            return {}
        await get_repository(engine, "models")
        branches = await list_branches(engine, "models", limit=100, hidden=True)
        tags = await list_tags(engine, "models", limit=100)
        return {
            **{branch.name: branch.head for branch in branches.items},
            **{tag.name: tag.commit_id for tag in tags.items},
        }

    async def expect_refs(self) -> dict[str, bytes]:
        refs: dict[str, bytes] = {}
        for name, model in self.model.items():
            for number in sorted(model.versions):
                view = await models.get_version(self.lake.engine, name, str(number))
                refs[f"{name}@{number}"] = view.version.files_commit
                refs[name] = view.version.files_commit
            for alias, number in model.aliases.items():
                refs[f"{name}@{alias}"] = refs[f"{name}@{number}"]
        return refs

    def teardown(self) -> None:
        self.lake.close()


TestRegistryMachine = RegistryMachine.TestCase
TestRegistryMachine.settings = settings(max_examples=30, stateful_step_count=30)
