"""The optimiser: watches how use cases go, proposes what to do with its reasons, and does what it may.

Rules compare what was seen in a window with what is usual (`rules`); a proposal is a small state machine
(`proposals`) that an operator approves or rejects, unless the policy lets the optimiser act by itself.
"""
