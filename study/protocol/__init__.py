"""A study protocol: TOML in, one frozen, hashed object out; every fault explained with its key and line."""

from study.protocol.faults import Fault, FaultyProtocol
from study.protocol.load import load_protocol, named_protocols, parse_protocol
from study.protocol.model import Protocol

__all__ = ["Fault", "FaultyProtocol", "Protocol", "load_protocol", "named_protocols", "parse_protocol"]
