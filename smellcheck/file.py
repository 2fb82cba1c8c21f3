"""One parsed file, walked once; every fact about it is answered on first use."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import libcst as cst

from .facts.arms import Arms
from .facts.attention import Attentions
from .facts.batches import Batches
from .facts.broken import Broken
from .facts.calls import Calls
from .facts.collating import Collating
from .facts.constants import Constants
from .facts.context import Context
from .facts.datasets import Datasets
from .facts.detaching import Detaching
from .facts.dtypes import Dtypes
from .facts.elements import Elements
from .facts.elsewhere import Elsewhere
from .facts.entries import Entries
from .facts.evaluating import Evaluating
from .facts.fallbacks import Fallbacks
from .facts.figures import Figures
from .facts.gathering import Gatherings
from .facts.gpus import Gpus
from .facts.grad import Grad
from .facts.graph import Graph
from .facts.handovers import Handovers
from .facts.heavy import Heavy
from .facts.hot import Hot
from .facts.imports import Imports
from .facts.inference import Inference
from .facts.intervals import Intervals
from .facts.items import Items
from .facts.journeys import Journeys
from .facts.loaders import Loaders
from .facts.loading import Loading
from .facts.mentions import Mentions
from .facts.moves import Moves
from .facts.names import Names
from .facts.needless import Needless
from .facts.networks import Networks
from .facts.optimizers import Optimizers
from .facts.phase import Phase
from .facts.picks import Picks
from .facts.pinning import Pinning
from .facts.ranks import Ranks
from .facts.reach import Reach
from .facts.readbacks import Readbacks
from .facts.reloads import Reloads
from .facts.rereads import Rereads
from .facts.retained import Retained
from .facts.samples import Samples
from .facts.scopes import Scopes
from .facts.siblings import Siblings
from .facts.sizes import Sizes
from .facts.steps import Steps
from .facts.sums import Sums
from .facts.trainable import Trainable
from .facts.tree import descend
from .facts.untouched import Untouched
from .facts.values import Values
from .facts.visits import Visits
from .facts.workers import Workers
from .parsed import Parsed

_BINDERS = (cst.Assign, cst.AnnAssign, cst.NamedExpr)


class File(Parsed):
    """What rules ask. Facts that are not sure answer `None`.

    Raises `libcst.ParserSyntaxError` when the text does not parse.
    """

    @cached_property
    def scopes(self) -> Scopes:
        """Where names are bound and used."""
        return Scopes(self.tree, self.module)

    @cached_property
    def names(self) -> Names:
        """What names refer to."""
        return Names(self.tree, self.scopes)

    @cached_property
    def calls(self) -> Calls:
        """Who calls whom."""
        return Calls(self.tree, self.scopes, self.names)

    @cached_property
    def values(self) -> Values:
        """What expressions surely are."""
        return Values(self)

    @cached_property
    def context(self) -> Context:
        """Under what nodes run."""
        return Context(self)

    @cached_property
    def grad(self) -> Grad:
        """Whether autograd records."""
        return Grad(self)

    @cached_property
    def phase(self) -> Phase:
        """Whether code trains."""
        return Phase(self)

    @cached_property
    def evaluating(self) -> Evaluating:
        """Which modules are in evaluation mode."""
        return Evaluating(self)

    @cached_property
    def inference(self) -> Inference:
        """Which forward passes surely are inference."""
        return Inference(self)

    @cached_property
    def detaching(self) -> Detaching:
        """Which calls of what is out of sight run networks that record."""
        return Detaching(self)

    @cached_property
    def graph(self) -> Graph:
        """Where the results of forward passes go."""
        return Graph(self)

    @cached_property
    def optimizers(self) -> Optimizers:
        """Whose parameters which optimizer steps."""
        return Optimizers(self)

    @cached_property
    def steps(self) -> Steps:
        """What training steps are made of."""
        return Steps(self)

    @cached_property
    def siblings(self) -> Siblings:
        """What the project's other modules say of this one's calls."""
        return Siblings(self)

    @cached_property
    def dtypes(self) -> Dtypes:
        """Which arrays surely hold 64-bit floats."""
        return Dtypes(self)

    @cached_property
    def elsewhere(self) -> Elsewhere:
        """Who calls this file's functions, and the instances of its classes, in all of the project."""
        return Elsewhere(self)

    @cached_property
    def entries(self) -> Entries:
        """Which tensors are entries of batches."""
        return Entries(self)

    @cached_property
    def samples(self) -> Samples:
        """What runs once for each item of a collection."""
        return Samples(self)

    @cached_property
    def items(self) -> Items:
        """What repeated calls are given."""
        return Items(self)

    @cached_property
    def loading(self) -> Loading:
        """What loads the weights of models."""
        return Loading(self)

    @cached_property
    def trainable(self) -> Trainable:
        """What networks do about gradients by themselves."""
        return Trainable(self)

    @cached_property
    def imports(self) -> Imports:
        """What other modules of the project import."""
        return Imports(self)

    @cached_property
    def named(self) -> Mentions:
        """What anything in the project names."""
        return Mentions(self)

    @cached_property
    def sizes(self) -> Sizes:
        """What new tensors take their sizes from."""
        return Sizes(self)

    @cached_property
    def networks(self) -> Networks:
        """Which networks names stand for."""
        return Networks(self)

    @cached_property
    def heavy(self) -> Heavy:
        """Which networks keep a GPU busy for long."""
        return Heavy(self)

    @cached_property
    def arms(self) -> Arms:
        """Which arms of conditions are never taken."""
        return Arms(self)

    @cached_property
    def pinning(self) -> Pinning:
        """Which loaders pin their batches."""
        return Pinning(self)

    @cached_property
    def datasets(self) -> Datasets:
        """What the samples of data loaders are."""
        return Datasets(self)

    @cached_property
    def workers(self) -> Workers:
        """What data loaders are set to."""
        return Workers(self)

    @cached_property
    def reloads(self) -> Reloads:
        """Which models are read again for each sample."""
        return Reloads(self)

    @cached_property
    def gpus(self) -> Gpus:
        """Which devices are CUDA devices."""
        return Gpus(self)

    @cached_property
    def loaders(self) -> Loaders:
        """How data loaders are used."""
        return Loaders(self)

    @cached_property
    def collating(self) -> Collating:
        """How data loaders put samples together."""
        return Collating(self)

    @cached_property
    def handovers(self) -> Handovers:
        """How other modules use the data loaders that are made here."""
        return Handovers(self)

    @cached_property
    def batches(self) -> Batches:
        """Which batches hold one item."""
        return Batches(self)

    @cached_property
    def constants(self) -> Constants:
        """What is the same numbers in each run."""
        return Constants(self)

    @cached_property
    def journeys(self) -> Journeys:
        """How new tensors get to the device."""
        return Journeys(self)

    @cached_property
    def picks(self) -> Picks:
        """Which new tensors are indices."""
        return Picks(self)

    @cached_property
    def visits(self) -> Visits:
        """Where tensors are before they are moved."""
        return Visits(self)

    @cached_property
    def moves(self) -> Moves:
        """Where calls move tensors and modules."""
        return Moves(self)

    @cached_property
    def hot(self) -> Hot:
        """What runs again and again."""
        return Hot(self)

    @cached_property
    def elements(self) -> Elements:
        """Which tensors loops take element by element."""
        return Elements(self)

    @cached_property
    def readbacks(self) -> Readbacks:
        """What makes the host wait for the device."""
        return Readbacks(self)

    @cached_property
    def figures(self) -> Figures:
        """Which figures single training steps read."""
        return Figures(self)

    @cached_property
    def rereads(self) -> Rereads:
        """Which numbers steps read a second time."""
        return Rereads(self)

    @cached_property
    def needless(self) -> Needless:
        """Which waits bring to the host what nobody asks there."""
        return Needless(self)

    @cached_property
    def intervals(self) -> Intervals:
        """What is done every so many steps."""
        return Intervals(self)

    @cached_property
    def retained(self) -> Retained:
        """Which graphs backward passes keep in vain."""
        return Retained(self)

    @cached_property
    def sums(self) -> Sums:
        """Which names loops only add figures to."""
        return Sums(self)

    @cached_property
    def fallbacks(self) -> Fallbacks:
        """Where it is asked whether a mask leaves anything."""
        return Fallbacks(self)

    @cached_property
    def broken(self) -> Broken:
        """Which code surely raises whenever it runs."""
        return Broken(self)

    @cached_property
    def reach(self) -> Reach:
        """What can run at all."""
        return Reach(self)

    @cached_property
    def ranks(self) -> Ranks:
        """How many dimensions tensors have."""
        return Ranks(self)

    @cached_property
    def attentions(self) -> Attentions:
        """Where attention is computed by hand."""
        return Attentions(self)

    @cached_property
    def gatherings(self) -> Gatherings:
        """Where the results of repeated calls are gathered."""
        return Gatherings(self)

    @cached_property
    def untouched(self) -> Untouched:
        """What loops leave as it is."""
        return Untouched(self)

    def name(self, node: cst.CSTNode) -> str | None:
        """`F.relu` as `torch.nn.functional.relu`, when imports settle it."""
        full = self.names.qualified(node)
        return self.siblings.starred(node) if full is None and self.siblings.stars else full

    def precedes(self, package: str, *version: int) -> bool:
        """Whether the project's manifests admit only releases of a package before a version; false where none says."""
        bounds = self.project.versions(package) if self.project is not None else None
        return bounds is not None and bounds[1] is not None and bounds[1] <= version

    def names_in(self, node: cst.CSTNode) -> Iterator[cst.Name]:
        """The names that an expression reads: not the attributes, not the keywords of calls."""
        for below in descend(node):
            if isinstance(below, cst.Name):
                above = self.parent(below)
                if isinstance(above, cst.Attribute) and above.attr is below:
                    continue
                if isinstance(above, cst.Arg) and above.keyword is below:
                    continue
                yield below

    def uses(self, bound: cst.Name) -> list[cst.Name]:
        """Where a name that an assignment binds may be read with the value that it binds."""
        function = self.context.function(bound)
        home: cst.CSTNode = function.body if function is not None else self.module
        binder = next((above for _, above in self.context.ancestors(bound) if isinstance(above, _BINDERS)), None)
        return [
            name
            for name in self.tree.named(bound.value, home)
            if self.reads(name) and any(one.node is binder for one in self.scopes.seen(name))
        ]

    def reads(self, name: cst.Name) -> bool:
        """Whether a name is read where it stands: not bound, not an attribute's, not a keyword's."""
        above = self.parent(name)
        match above:
            case cst.Attribute() | cst.Arg():
                return above.value is name
            case cst.AssignTarget() | cst.Global() | cst.NameItem():
                return False
            case cst.Param():
                return above.default is name
            case cst.For() | cst.CompFor() | cst.AugAssign() | cst.NamedExpr():
                return above.target is not name
            case cst.Element():
                outer: cst.CSTNode = above
                while isinstance(around := self.parent(outer), cst.Element | cst.Tuple | cst.List):
                    outer = around
                if isinstance(around, cst.For | cst.CompFor):
                    return around.target is not outer
                return not isinstance(around, cst.AssignTarget)
        return True

    def free_name(self, *candidates: str, at: cst.CSTNode) -> str | None:
        """The first of some names that nothing binds where a node is evaluated."""
        scope = self.scopes.around(at)
        return next((name for name in candidates if self.scopes.bound(name, scope) is None), None)
