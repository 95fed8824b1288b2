package zaqar

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/messaging/v2/claims"
	"github.com/gophercloud/gophercloud/v2/openstack/messaging/v2/messages"
)

// Message is one of a queue. gophercloud's own type holds no body that is not an object.
type Message struct {
	ID      string
	ClaimID string // of a claimed one
	Body    json.RawMessage
	Age     time.Duration
	TTL     time.Duration
}

// UnmarshalJSON reads a message as a list or a claim shows it: its ids are in its address.
func (m *Message) UnmarshalJSON(text []byte) error {
	var shown struct {
		Href string          `json:"href"`
		Body json.RawMessage `json:"body"`
		Age  float64         `json:"age"`
		TTL  float64         `json:"ttl"`
	}
	if err := json.Unmarshal(text, &shown); err != nil {
		return err
	}
	at, err := url.Parse(shown.Href)
	if err != nil || shown.Href == "" {
		return fmt.Errorf("a message has the address %q", shown.Href)
	}
	*m = Message{
		ID: path.Base(at.Path), ClaimID: at.Query().Get("claim_id"), Body: shown.Body,
		Age: time.Duration(shown.Age * float64(time.Second)), TTL: time.Duration(shown.TTL * float64(time.Second)),
	}
	return nil
}

// ClaimOpts describe a claim.
type ClaimOpts struct {
	TTL   time.Duration // how long the messages are the claimer's alone, whole seconds; Zaqar's default when 0
	Grace time.Duration // how much longer they live at least; Zaqar's default when 0
	Limit int           // messages at most; Zaqar's default, 10 as a rule, when 0
}

// Claim takes messages of a queue that nobody else has claimed. Each is the claimer's until the
// claim ends, and is to be deleted before with Delete: then nobody gets it again. None is no error.
func Claim(ctx context.Context, client *gophercloud.ServiceClient, queue string, opts ClaimOpts) ([]Message, error) {
	r := claims.Create(ctx, client, queue, claims.CreateOpts{
		TTL: int(opts.TTL / time.Second), Grace: int(opts.Grace / time.Second), Limit: opts.Limit,
	})
	if r.Err != nil || r.Body == nil { // 204: there is none
		return nil, r.Err
	}
	var s struct{ Messages []Message }
	err := r.ExtractInto(&s)
	return s.Messages, err
}

// Any reports whether a queue has a message that nobody has claimed. It changes nothing: a claim of
// none leaves an object behind in a Zaqar that keeps messages in Swift.
func Any(ctx context.Context, client *gophercloud.ServiceClient, queue string) (bool, error) {
	var r gophercloud.Result
	answer, err := client.Get(ctx, anyURL(client, queue), &r.Body, &gophercloud.RequestOpts{
		OkCodes: []int{http.StatusOK, http.StatusNoContent},
	})
	_, r.Header, r.Err = gophercloud.ParseResponse(answer, err)
	if IsGone(r.Err) || r.Err == nil && r.Body == nil {
		return false, nil
	}
	var s struct{ Messages []json.RawMessage }
	err = r.ExtractInto(&s)
	return len(s.Messages) > 0, err
}

// ReleaseClaim ends a claim: what is left of its messages may be claimed by anybody. It is no error
// when there is none.
func ReleaseClaim(ctx context.Context, client *gophercloud.ServiceClient, queue, claimID string) error {
	err := claims.Delete(ctx, client, queue, claimID).ExtractErr()
	if IsGone(err) {
		return nil
	}
	return err
}

// Delete deletes a message; one that was claimed, by its claim. It is no error when there is none.
func Delete(ctx context.Context, client *gophercloud.ServiceClient, queue string, m Message) error {
	return messages.Delete(ctx, client, queue, m.ID, messages.DeleteOpts{ClaimID: m.ClaimID}).ExtractErr()
}

// DeleteClaimed deletes messages of one claim at once, 20 at most by Zaqar's default; that costs
// it half of what deleting each by itself does. Those that are gone are no error. A message that
// is not the claim's any more is deleted, too, unless Zaqar was told to look
// (message_delete_with_claim_id): then the error has status 503, and those behind that message are
// not deleted.
func DeleteClaimed(ctx context.Context, client *gophercloud.ServiceClient, queue string, claimed []Message) error {
	if len(claimed) == 0 {
		return nil
	}
	ids := make([]string, len(claimed))
	for i, m := range claimed {
		ids[i] = m.ID
	}
	answer, err := client.Delete(ctx, claimedURL(client, queue, ids, claimed[0].ClaimID), nil)
	_, _, err = gophercloud.ParseResponse(answer, err)
	return err
}

// Post is a message to be posted.
type Post struct {
	Body any           // any value that encodes to JSON
	TTL  time.Duration // whole seconds; Zaqar's own default when 0
}

// Posts are messages that are posted together.
type Posts []Post

// ToMessageCreateMap returns the body of a request.
func (p Posts) ToMessageCreateMap() (map[string]any, error) {
	all := make([]map[string]any, len(p))
	for i, m := range p {
		all[i] = map[string]any{"body": m.Body}
		if m.TTL > 0 {
			all[i]["ttl"] = int(m.TTL / time.Second)
		}
	}
	return map[string]any{"messages": all}, nil
}

// Send posts messages to a queue, which is made when there is none, and returns their addresses.
func Send(ctx context.Context, client *gophercloud.ServiceClient, queue string, posts Posts) ([]string, error) {
	made, err := messages.Create(ctx, client, queue, posts).Extract()
	return made.Resources, err
}

// IsGone reports whether an error is Zaqar's saying that there is no such queue, message or
// subscription.
func IsGone(err error) bool { return gophercloud.ResponseCodeIs(err, http.StatusNotFound) }
