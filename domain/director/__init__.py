"""The director: which small scene is played for whom, when, by whom; and why none is."""

from domain.director.messages import EVENTS
from domain.director.queries import SilenceQuery
from domain.kernel.context import Context

CONTEXT = Context("director", events=EVENTS, queries=(SilenceQuery,))
