// Package webhook has what makes a webhook safe to be called by anybody: the secret of its URL, the
// signatures of its senders, and a limit on how often it is called. It knows neither HTTP routes
// nor the database: callers that prove nothing are refused here, before they cost more.
package webhook
