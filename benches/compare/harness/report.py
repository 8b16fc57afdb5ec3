"""Figures to tables, and to goals met or missed."""
import re
from statistics import median


class Figures:
    """Samples by peer and figure, and by round."""

    def __init__(self):
        self.samples = {}
        self.of_rounds = {}

    def add(self, peer, figures, number=0):
        for name, value in figures.items():
            self.samples.setdefault((name, peer), []).append(value)
            self.of_rounds.setdefault((name, peer), {})[number] = value

    def median(self, peer, name):
        samples = self.samples.get((name, peer))
        return median(samples) if samples else None

    def rounds(self, terms):
        """The samples of `PEER:FIGURE` by the number of their round; of `A|B`, the smaller one where there are both."""
        samples = [self.of_rounds.get(tuple(reversed(term.split(":", 1))), {}) for term in terms.split("|")]
        numbers = set.intersection(*map(set, samples))
        return {number: min(it[number] for it in samples) for number in numbers}

    def rows(self, peers, reference):
        """Of the table, figure by figure."""
        names = list(dict.fromkeys(name for name, _ in self.samples))
        for name in names:
            base = self.median(reference, name)
            for peer in peers:
                samples = self.samples.get((name, peer))
                if samples:
                    middle = median(samples)
                    ratio = f"{middle / base:.2f}" if base else "-"
                    spread = f"{min(samples):.4g} to {max(samples):.4g}"
                    yield [name, peer, f"{middle:.4g}", spread, str(len(samples)), ratio]


class Goal:
    """`PEER:FIGURE <= NUMBER`, or `PEER:FIGURE / PEER:FIGURE <= NUMBER`, where `A|B` is the smaller of two."""

    def __init__(self, text, figure=None, aim=None, floor=None):
        match = re.fullmatch(r"(\S+)(?: / (\S+))? (<=|>=) ([\d.]+)", text.strip())
        if not match:
            raise SystemExit(f"not a goal: {text}")
        self.left, self.right, self.sign, must = match.groups()
        self.figure, self.must, self.aim, self.floor = figure or text, float(must), aim, floor

    def value(self, figures):
        return self._value(figures, self.left, self.right)

    def by_round(self, figures):
        """The median of each round's own ratio: what slows down a whole round changes the median of either side, and not this."""
        if self.right is None:
            return None
        left, right = (figures.rounds(side) for side in (self.left, self.right))
        ratios = [left[number] / right[number] for number in left if right.get(number)]
        return median(ratios) if ratios else None

    def least(self, figures):
        """What a peer that does less has in the same run; None where there is no such."""
        if not self.floor:
            return None
        return self._value(figures, re.sub(r"^[^:]+", self.floor, self.left), self.right)

    def of_build(self, figures, build):
        """What another build of the sidecar has in the same run."""
        if not self.left.startswith(f"{SIDECAR}:"):
            return None
        left, right = (side and re.sub(rf"^{SIDECAR}:", f"{build}:", side) for side in (self.left, self.right))
        return self._value(figures, left, right)

    def _value(self, figures, left, right):
        left = self._smallest(figures, left)
        if right is None or left is None:
            return left
        right = self._smallest(figures, right)
        return left / right if right else None

    @staticmethod
    def _smallest(figures, terms):
        values = [figures.median(*term.split(":", 1)) for term in terms.split("|")]
        return None if None in values else min(values)

    def is_met(self, figures):
        """None if it was not measured."""
        value = self.value(figures)
        if value is None:
            return None
        return value <= self.must if self.sign == "<=" else value >= self.must

    def row(self, figures, builds):
        verdict = {True: "met", False: "**missed**", None: "not measured"}[self.is_met(figures)]
        values = [self.value(figures), self.by_round(figures), self.least(figures)]
        values += [self.of_build(figures, build) for build in builds]
        value, by_round, *others = ["-" if it is None else f"{it:.2f}" for it in values]
        return [self.figure, value, by_round, f"{self.sign} {self.must:g}", self.aim or "-", *others, verdict]


def goals_of(file):
    """Lines of `figure | goal | aim | floor`; others are comments."""
    lines = [line.split(" | ") for line in file.read_text().splitlines() if " | " in line and line[0] != "#"]
    return [Goal(goal, figure, aim, floor if floor != "-" else None) for figure, goal, aim, floor in lines]


FIGURES_HEAD = ["figure", "peer", "median", "min to max", "n", "ratio"]
SIDECAR = "ocient-sidecar"  # the peer whose goals they are


def goals_head(builds):
    return ["figure", "is", "by round", "must", "aim", "floor", *builds, ""]


def plain(head, rows):
    """Columns for a terminal; a blank line between one figure of all peers and the next."""
    widths = [max(len(row[at]) for row in [head, *rows]) for at in range(len(head))]
    lines, last = [], head[0]
    for row in [head, *rows]:
        if row[0] != last and head is FIGURES_HEAD:
            lines.append("")
        last = row[0]
        lines.append("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
    return "\n".join(lines)


def markdown(head, rows):
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows])
