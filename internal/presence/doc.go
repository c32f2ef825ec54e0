// Package presence knows who is connected to this node, and who is typing.
//
// A [Tracker] counts the devices of each user and tells friends when the first one comes and when the last one has been
// gone for a while. [Typing] tells the other side of a conversation while somebody writes. Neither knows a socket:
// gateways say who comes and goes, and a teller finds the devices.
package presence
