"""The conformance kit: the contract and fault suite that a provider passes to earn its grade, with the evidence."""
