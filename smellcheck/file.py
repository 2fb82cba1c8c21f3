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

    #: What expressions surely are.
    values = cached_property(Values)
    #: Under what nodes run.
    context = cached_property(Context)
    #: Whether autograd records.
    grad = cached_property(Grad)
    #: Whether code trains.
    phase = cached_property(Phase)
    #: Which modules are in evaluation mode.
    evaluating = cached_property(Evaluating)
    #: Which forward passes surely are inference.
    inference = cached_property(Inference)
    #: Which calls of what is out of sight run networks that record.
    detaching = cached_property(Detaching)
    #: Where the results of forward passes go.
    graph = cached_property(Graph)
    #: Whose parameters which optimizer steps.
    optimizers = cached_property(Optimizers)
    #: What training steps are made of.
    steps = cached_property(Steps)
    #: What the project's other modules say of this one's calls.
    siblings = cached_property(Siblings)
    #: Which arrays surely hold 64-bit floats.
    dtypes = cached_property(Dtypes)
    #: Who calls this file's functions, and the instances of its classes, in all of the project.
    elsewhere = cached_property(Elsewhere)
    #: Which tensors are entries of batches.
    entries = cached_property(Entries)
    #: What runs once for each item of a collection.
    samples = cached_property(Samples)
    #: What repeated calls are given.
    items = cached_property(Items)
    #: What loads the weights of models.
    loading = cached_property(Loading)
    #: What networks do about gradients by themselves.
    trainable = cached_property(Trainable)
    #: What other modules of the project import.
    imports = cached_property(Imports)
    #: What anything in the project names.
    named = cached_property(Mentions)
    #: What new tensors take their sizes from.
    sizes = cached_property(Sizes)
    #: Which networks names stand for.
    networks = cached_property(Networks)
    #: Which networks keep a GPU busy for long.
    heavy = cached_property(Heavy)
    #: Which arms of conditions are never taken.
    arms = cached_property(Arms)
    #: Which loaders pin their batches.
    pinning = cached_property(Pinning)
    #: What the samples of data loaders are.
    datasets = cached_property(Datasets)
    #: What data loaders are set to.
    workers = cached_property(Workers)
    #: Which models are read again for each sample.
    reloads = cached_property(Reloads)
    #: Which devices are CUDA devices.
    gpus = cached_property(Gpus)
    #: How data loaders are used.
    loaders = cached_property(Loaders)
    #: How data loaders put samples together.
    collating = cached_property(Collating)
    #: How other modules use the data loaders that are made here.
    handovers = cached_property(Handovers)
    #: Which batches hold one item.
    batches = cached_property(Batches)
    #: What is the same numbers in each run.
    constants = cached_property(Constants)
    #: How new tensors get to the device.
    journeys = cached_property(Journeys)
    #: Which new tensors are indices.
    picks = cached_property(Picks)
    #: Where tensors are before they are moved.
    visits = cached_property(Visits)
    #: Where calls move tensors and modules.
    moves = cached_property(Moves)
    #: What runs again and again.
    hot = cached_property(Hot)
    #: Which tensors loops take element by element.
    elements = cached_property(Elements)
    #: What makes the host wait for the device.
    readbacks = cached_property(Readbacks)
    #: Which figures single training steps read.
    figures = cached_property(Figures)
    #: Which numbers steps read a second time.
    rereads = cached_property(Rereads)
    #: Which waits bring to the host what nobody asks there.
    needless = cached_property(Needless)
    #: What is done every so many steps.
    intervals = cached_property(Intervals)
    #: Which graphs backward passes keep in vain.
    retained = cached_property(Retained)
    #: Which names loops only add figures to.
    sums = cached_property(Sums)
    #: Where it is asked whether a mask leaves anything.
    fallbacks = cached_property(Fallbacks)
    #: Which code surely raises whenever it runs.
    broken = cached_property(Broken)
    #: What can run at all.
    reach = cached_property(Reach)
    #: How many dimensions tensors have.
    ranks = cached_property(Ranks)
    #: Where attention is computed by hand.
    attentions = cached_property(Attentions)
    #: Where the results of repeated calls are gathered.
    gatherings = cached_property(Gatherings)
    #: What loops leave as it is.
    untouched = cached_property(Untouched)

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
