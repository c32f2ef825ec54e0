// Package webhook tells other servers of events, as Standard Webhooks (https://www.standardwebhooks.com) has it: a signed POST for
// each event, at least once, in the order of each conversation.
//
//	webhook.go        what a webhook is
//	secret.go         secrets and signatures
//	store.go          what is needed of a store
//	service.go        Service: what administrators and backends do with webhooks
//	subscriptions.go  Subscriptions: which jobs follow a commit
//	courier.go        Courier: does these jobs
//	attempt.go        one attempt, and what comes of it
//	gate.go           how many attempts a webhook has at a time, and when
//
// A job is a line: all that is to be told to one webhook of one conversation, from a place in its log on. Its key lets one be done at
// a time; it reads the events when it tells them, so that nothing is kept beside the log and a deleted message is told as such.
package webhook
