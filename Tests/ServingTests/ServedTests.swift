import Testing

/// What needs a server: one after the other, as all share the one compute thread.
@Suite(.serialized) struct ServedTests {}
