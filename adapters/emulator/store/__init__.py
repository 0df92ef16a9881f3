"""The org's records: one consistent store that every API of the emulator reads and writes through transactions."""
