"""The commands: what `flowtui` does when it is given words."""
