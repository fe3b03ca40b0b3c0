"""A program is a list of statements, each a line of rnnlua and a line of PyTorch. Run executes PyTorch's side and says
what every tensor and every gradient must be at the end, or on which line rnnlua must refuse to go on."""
import functools
import re
import warnings
from dataclasses import dataclass, replace

import torch

import counterparts

warnings.filterwarnings("ignore")


@dataclass
class Statement:
    op: str                # of core/ops/ops.def, or a word for what else a statement can do
    lua: str
    torch: str
    defines: tuple = ()    # names of tensors, x1, x2 ...
    uses: tuple = ()
    writes: str = None     # the name whose memory it changes
    lengths: tuple = None  # of the first tensor it defines
    copies: bool = False   # the results are copies of parts: writing into them would not reach the original
    quiet: bool = False    # under no_grad

    def renamed(self, old, new):
        def text(line):
            return re.sub(rf"\b{old}\b", new, line)
        return replace(self, lua=text(self.lua), torch=text(self.torch),
                       writes=new if self.writes == old else self.writes,
                       uses=tuple(new if u == old else u for u in self.uses))

    @property
    def lua_line(self):
        return f"rnn.no_grad(function() {self.lua} end)" if self.quiet else self.lua

    @property
    def torch_line(self):
        """Under no_grad ours are without history for good; PyTorch's views are not quite."""
        if not self.quiet:
            return self.torch
        return "; ".join([f"with torch.no_grad(): {self.torch}"] + [f"{x} = {x}.detach()" for x in self.defines])


class Refused(Exception):
    """Both programs end here: rnnlua with an error, PyTorch with one or because of a rule that is ours alone."""


class Changed(Refused):
    """PyTorch's backward found that a saved value was changed in place. Ours may have kept a copy and go on."""


class NoAnswer(Refused):
    """PyTorch cannot go on where a leaf that was switched off has become a result: the program ends before."""


def history(node, also):
    """All records that backward from node on goes through; also: those that count as well when one is met."""
    seen, todo = set(), [node]
    while todo:
        node = todo.pop()
        if node is None or node in seen or "AccumulateGrad" in type(node).__name__:
            continue
        seen.add(node)
        todo += [n for n, _ in node.next_functions] + [also.get(node)]
    return seen


def gradient(t):
    return t.grad if t.is_leaf or t.retains_grad else None


CONSUMED = "history that backward has consumed; PyTorch notices only where it saved values"
WITHOUT_HISTORY = {"detach", "copy", "forget", "retain_grad", "eig", "eigvals"}  # need none of theirs


@functools.lru_cache(maxsize=1000)
def compiled(line):
    return compile(line, "<program>", "exec")


class Run:
    def __init__(self):
        self.env = dict(vars(counterparts))
        self.defined = {}     # name -> lengths
        self.consumed = set()  # records that a backward has used up
        self.used = set()      # names of their results
        self.first = {}        # name -> the record it came from
        self.again = {}        # PyTorch's later record of a part of a parameter -> the first, which rnnlua keeps to
        self.copies = set()    # copies of parts, and parts of those
        self.quiet = set()     # what was taken under no_grad, and parts of it
        self.turned = set()    # results that rnnlua may give in another order of memory, and parts of them
        self.einsums = set()   # results of einsum, which are views in one of the libraries and not in the other
        self.unsure = set()    # views whose base was changed after retain_grad: PyTorch may have forgotten about it
        self.parts = set()     # records of parts of parameters, which no backward uses up
        self.together = []     # the records of ops with several results, which are one record in rnnlua

    def __getitem__(self, name):
        return self.env[name]

    def stale(self, name):
        """Is its history used up? PyTorch makes that of a view anew when its base changes, ours is gone for good."""
        return name in self.used or self.env[name].grad_fn in self.consumed

    def made_again(self, name):
        """Has PyTorch made the history of this part of a parameter anew, because numbers were written? Ours stays."""
        t = self.env[name]
        return t._base is not None and t._base.is_leaf and t.grad_fn is not self.first[name]

    def step(self, s):
        stale = any(self.stale(u) for u in s.uses) and not s.quiet and s.op not in WITHOUT_HISTORY
        if stale and (s.writes or not s.defines):
            raise Refused(CONSUMED)
        if s.writes in self.copies:
            raise Refused("a write into a copy of a part, which would not reach the original")
        for u in s.uses:
            if self.made_again(u) and self.first[u] in self.parts:
                self.parts |= history(self.env[u].grad_fn, {})
        self.again.update({self.env[u].grad_fn: self.first[u] for u in s.uses if self.made_again(u)})
        way = set()
        if s.op == "backward":
            way = history(self.env[s.uses[0]].grad_fn, self.again) - self.parts
            grads = {n: gradient(self.env[n]) for n in self.defined}
            before = {n: None if g is None else g.clone() for n, g in grads.items()}
            if way & self.consumed:
                raise Refused("history that another backward has consumed")
        try:
            exec(compiled(s.torch_line), self.env)
        except RuntimeError as e:
            if not re.search("modified by an inplace|leaf Variable|moved into the graph interior", str(e)):
                raise
            if way:  # a failed backward leaves gradients as they were
                for n, g in grads.items():
                    self.env[n].grad = g if g is None else g.data.copy_(before[n])
            kind = NoAnswer if "graph interior" in str(e) else Changed if way else Refused
            raise kind(str(e).split(":")[0]) from None
        if stale and any(self.env[n].requires_grad for n in s.defines):  # argmax and its like need no history
            raise Refused(CONSUMED)
        if s.op == "retain_grad" and self.made_again(s.uses[0]):
            self.unsure.add(s.uses[0])
        if s.writes or s.op == "sgd":
            self.unsure |= {n for n in self.defined for u in s.uses if self.shares(n, u) and self.env[n].retains_grad
                            and (self.env[n]._is_view() or n in self.einsums)}
        if s.op == "forget":
            del self.defined[s.uses[0]]
        self.consumed |= way
        for records in self.together:
            if records & way:
                self.consumed |= records
        if way:
            self.used |= {n for n in self.defined if self.env[n].grad_fn in self.consumed
                          or self.made_again(n) and self.first[n] in self.consumed}
            self.consumed |= {self.first[n] for n in self.used} - {None}
        if s.op == "recurrent":
            self.together.append({self.env[n].grad_fn for n in s.defines} - {None})
        if s.op == "einsum":
            self.einsums.update(s.defines)
        for name in s.defines:
            self.defined[name] = s.lengths if name == s.defines[0] else None
            t = self.env[name]
            self.first[name] = t.grad_fn
            if t._base is not None and t._base.is_leaf and t.grad_fn is not None:
                self.parts |= history(t.grad_fn, {})
            for names, here in ((self.copies, s.copies), (self.quiet, s.quiet), (self.turned, s.op == "einsum")):
                if here or any(u in names and self.shares(u, name) for u in s.uses):
                    names.add(name)
        if s.op == "reshape" and not self.shares(s.uses[0], s.defines[0]):
            self.copies.add(s.defines[0])

    def shares(self, a, b):
        return self.env[a].untyped_storage().data_ptr() == self.env[b].untyped_storage().data_ptr()

    def answers(self):
        """[name, type, shape, lengths, values, gradient, None or "unsure"] of every tensor."""
        out = []
        for name, lengths in self.defined.items():
            t = self.env[name]
            g = gradient(t)
            out.append([name, "int32" if t.dtype == torch.int32 else "float", list(t.shape), lengths,
                        t.detach().reshape(-1).tolist(),
                        "unsure" if name in self.unsure else None if g is None else g.reshape(-1).tolist()])
        return out


def run(statements):
    """(answers, the line on which rnnlua must refuse or None, why)."""
    r = Run()
    for line, s in enumerate(statements, 1):
        try:
            r.step(s)
        except Refused as e:
            return r.answers(), line, e
    return r.answers(), None, None


def task(statements):
    """What check.lua reads: the program and its answers. Where PyTorch misses a saved value that was changed since, the
    right gradients are those of the value as it was used: otherwise, the answers of PyTorch with copies of all."""
    answers, stop, why = run(statements)
    otherwise = None
    if isinstance(why, Changed):
        try:
            with torch.autograd.graph.saved_tensors_hooks(torch.Tensor.clone, lambda x: x):
                otherwise, _, again = run(statements)
                why = again if isinstance(again, NoAnswer) else why
        except RuntimeError:
            pass
    if isinstance(why, NoAnswer):
        statements, stop, otherwise = statements[:stop - 1], None, None
    t = {"lua": "\n".join(s.lua_line for s in statements), "answers": answers, "stop": stop}
    return t if otherwise is None else t | {"otherwise": otherwise}
