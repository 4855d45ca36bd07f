"""Groups of channels: which numbers of them there can be."""

from __future__ import annotations

from ravine.core.errors import BadValue, refusal


def divisors(channels: int) -> list[int]:
    """Every number of equal groups that `channels` can be cut into, ascending."""
    return [groups for groups in range(1, channels + 1) if channels % groups == 0]


def check_groups(owner: str, channels: int, groups: int) -> int:
    """Return `groups`, or raise `BadValue` with the nearest numbers that divide the channels.

    >>> check_groups("GroupNorm", 30, 4)
    Traceback (most recent call last):
    ravine.core.errors.BadValue: GroupNorm: groups must divide the 30 channels; got 4. Nearest that do: 3 and 5.
    """
    if isinstance(groups, int) and not isinstance(groups, bool) and groups >= 1 and channels % groups == 0:
        return groups
    fit = divisors(channels)
    below = [count for count in fit if count < groups][-1:]
    above = [count for count in fit if count > groups][:1]
    near = " and ".join(map(str, below + above))
    raise BadValue(refusal(owner, "groups", f"divide the {channels} channels", groups, f"Nearest that do: {near}."))


def groups_of_at_most(channels: int, size: int) -> int:
    """The fewest groups of at most `size` channels each.

    >>> groups_of_at_most(64, 16), groups_of_at_most(20, 16)
    (4, 2)
    """
    return next(groups for groups in divisors(channels) if channels // groups <= size)


def groups_of_at_least(channels: int, size: int, most: int) -> int:
    """The most groups, up to `most`, of at least `size` channels each; 1 when there are too few.

    >>> groups_of_at_least(64, 4, 32), groups_of_at_least(256, 4, 32), groups_of_at_least(7, 4, 32)
    (16, 32, 1)
    """
    fit = [groups for groups in divisors(channels) if groups <= most and channels // groups >= size]
    return max(fit, default=1)
