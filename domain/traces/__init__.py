"""What events leave behind where they happened, how it ages, and who finds it."""

from domain.kernel.context import Context
from domain.traces.messages import COMMANDS, EVENTS
from domain.traces.queries import DescribeQuery, TracesQuery

CONTEXT = Context("traces", events=EVENTS, commands=COMMANDS, queries=(TracesQuery, DescribeQuery))
