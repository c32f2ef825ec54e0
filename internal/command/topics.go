package command

import (
	"context"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/refusal"
)

var topicRows = []row{
	declare("notification:subscribe", "Failed to subscribe", subscribe),
	declare("notification:unsubscribe", "Failed to unsubscribe", unsubscribe),
}

// MaxTopics is how many topics a device can be subscribed to.
const MaxTopics = 100

type topicsPayload struct {
	Topics []string `json:"topics" min:"1" max:"100"`
}

// topicsAck has all topics of the device, sorted.
type topicsAck struct {
	accepted
	Topics []string `json:"topics"`
}

// subscribe takes all topics or none.
func subscribe(_ context.Context, c *call, p topicsPayload) (topicsAck, error) {
	if err := c.checkTopics(p.Topics); err != nil {
		return topicsAck{}, err
	}
	all := make(map[string]bool)
	for _, topic := range c.Device.Topics() {
		all[topic] = true
	}
	for _, topic := range p.Topics {
		if !c.Device.MayHear(topic) {
			return topicsAck{}, &refusal.Error{
				Code: CodeTopicNotPermitted, Message: "No permission for topic " + topic, Field: "topics",
			}
		}
		all[topic] = true
	}
	if len(all) > MaxTopics {
		return topicsAck{}, tooManyTopics()
	}
	c.Device.Subscribe(p.Topics)
	return topicsAck{done, c.Device.Topics()}, nil
}

func unsubscribe(_ context.Context, c *call, p topicsPayload) (topicsAck, error) {
	if err := c.checkTopics(p.Topics); err != nil {
		return topicsAck{}, err
	}
	c.Device.Unsubscribe(p.Topics)
	return topicsAck{done, c.Device.Topics()}, nil
}

func (c *call) checkTopics(topics []string) error {
	switch {
	case c.Device == nil:
		return errNoConnection
	case len(topics) == 0:
		return refusal.Missing("topics")
	case len(topics) > MaxTopics:
		return tooManyTopics()
	}
	for _, topic := range topics {
		if err := CheckTopic(topic); err != nil {
			return err
		}
	}
	return nil
}

func tooManyTopics() error {
	return refusal.Beyond("topics", MaxTopics, fmt.Sprintf("must be at most %d for one device", MaxTopics))
}

// CheckTopic refuses what cannot name a topic: 1 to 256 bytes of printable UTF-8
// without a star, which stands for any characters where topics are permitted.
func CheckTopic(topic string) error {
	switch {
	case topic == "":
		return refusal.Invalid("topics", "must not be empty")
	case len(topic) > account.MaxTopicBytes:
		return refusal.TooMuch("topics", account.MaxTopicBytes, "bytes each")
	case !utf8.ValidString(topic) || strings.ContainsFunc(topic, unicode.IsControl) || strings.Contains(topic, "*"):
		return refusal.Invalid("topics", "must be printable UTF-8 without *")
	}
	return nil
}
