package chat

// Printable is what of a text is shown.
var Printable = printable

// ReadRequest reads a line of JSON.
func ReadRequest(line string) (command, content string, err error) {
	r, err := readRequest(line)
	return r.Command, r.Content, err
}

// Enqueue puts a notice behind those that wait.
var Enqueue = enqueue

// MaxNotices is how many wait.
const MaxNotices = maxNotices
