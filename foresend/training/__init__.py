"""What `foresend train` does around a training: reads the log, publishes what passed the gate, goes round again."""
