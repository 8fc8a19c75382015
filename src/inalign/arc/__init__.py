"""ARC, RFC 8617: the chain of seals that forwarders leave. A signal, never a decision (its status: Historic asked)."""
