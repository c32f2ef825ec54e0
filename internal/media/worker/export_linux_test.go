package worker

// Confine is confine.
func Confine(t Task) ([]string, error) { return confine(t) }
