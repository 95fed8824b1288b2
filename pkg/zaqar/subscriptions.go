package zaqar

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/gophercloud/gophercloud/v2"
)

// SubscribeOpts describe a subscription.
type SubscribeOpts struct {
	Subscriber string        // a URL that messages are sent to; its scheme may be http, https, trust+http or mailto
	TTL        time.Duration // whole seconds; Zaqar's own default when 0
	Options    map[string]any
}

// ToSubscriptionMap returns the body of a request. Options are there even when there are none:
// without them Zaqar keeps the subscription and never delivers.
func (o SubscribeOpts) ToSubscriptionMap() (map[string]any, error) {
	if o.Subscriber == "" {
		return nil, gophercloud.ErrMissingInput{Argument: "zaqar.SubscribeOpts.Subscriber"}
	}
	body := map[string]any{"subscriber": o.Subscriber, "options": map[string]any{}}
	if o.Options != nil {
		body["options"] = o.Options
	}
	if o.TTL > 0 {
		body["ttl"] = int(o.TTL / time.Second)
	}
	return body, nil
}

// SubscribeOptsBuilder lets others describe subscriptions in their own way.
type SubscribeOptsBuilder interface {
	ToSubscriptionMap() (map[string]any, error)
}

// Subscribe makes a subscription of a queue, and the queue when there is none. Where Zaqar requires
// confirmation, the subscriber is asked and gets nothing until the subscription is confirmed: by
// itself, or by Confirm. For a subscriber whose subscription of the queue waits for that, its id is
// returned again; 409 says that it has been confirmed.
func Subscribe(
	ctx context.Context, client *gophercloud.ServiceClient, queue string, opts SubscribeOptsBuilder,
) (r SubscribeResult) {
	body, err := opts.ToSubscriptionMap()
	if err != nil {
		r.Err = err
		return r
	}
	answer, err := client.Post(ctx, subscriptionsURL(client, queue), body, &r.Body, &gophercloud.RequestOpts{
		OkCodes: []int{http.StatusCreated},
	})
	_, r.Header, r.Err = gophercloud.ParseResponse(answer, err)
	return r
}

// SubscribeResult is the answer to Subscribe.
type SubscribeResult struct{ gophercloud.Result }

// Extract returns the subscription's id.
func (r SubscribeResult) Extract() (string, error) {
	var s struct {
		ID string `json:"subscription_id"`
	}
	err := r.ExtractInto(&s)
	return s.ID, err
}

// Subscription is one as Zaqar shows it.
type Subscription struct {
	ID         string         `json:"id"`
	Queue      string         `json:"source"`
	Subscriber string         `json:"subscriber"`
	TTL        int            `json:"ttl"` // seconds
	Age        float64        `json:"age"` // seconds
	Options    map[string]any `json:"options"`
	Confirmed  bool           `json:"confirmed"`
}

// GetSubscription reads a subscription.
func GetSubscription(ctx context.Context, client *gophercloud.ServiceClient, queue, id string) (r GetResult) {
	answer, err := client.Get(ctx, subscriptionURL(client, queue, id), &r.Body, nil)
	_, r.Header, r.Err = gophercloud.ParseResponse(answer, err)
	return r
}

// GetResult is the answer to GetSubscription.
type GetResult struct{ gophercloud.Result }

// Extract returns the subscription.
func (r GetResult) Extract() (*Subscription, error) {
	var s Subscription
	if err := r.ExtractInto(&s); err != nil {
		return nil, err
	}
	return &s, nil
}

// ListSubscriptions lists a page of a queue's subscriptions, in the order of their ids, from after
// the marker. limit bounds how many; Zaqar's own default when 0.
func ListSubscriptions(
	ctx context.Context, client *gophercloud.ServiceClient, queue, marker string, limit int,
) (r ListResult) {
	query, err := gophercloud.BuildQueryString(struct {
		Marker string `q:"marker"`
		Limit  int    `q:"limit"`
	}{marker, limit})
	if err != nil {
		r.Err = err
		return r
	}
	answer, err := client.Get(ctx, subscriptionsURL(client, queue)+query.String(), &r.Body, nil)
	_, r.Header, r.Err = gophercloud.ParseResponse(answer, err)
	return r
}

// ListResult is the answer to ListSubscriptions.
type ListResult struct{ gophercloud.Result }

// Extract returns the subscriptions, and the marker of the next page.
func (r ListResult) Extract() (page []Subscription, marker string, err error) {
	var s struct {
		Subscriptions []Subscription `json:"subscriptions"`
		Links         []struct{ Rel, Href string }
	}
	if err := r.ExtractInto(&s); err != nil {
		return nil, "", err
	}
	for _, link := range s.Links {
		if next, err := url.Parse(link.Href); err == nil && link.Rel == "next" {
			marker = next.Query().Get("marker")
		}
	}
	return s.Subscriptions, marker, nil
}

// UpdateSubscriptionOpts describe what changes of a subscription.
type UpdateSubscriptionOpts struct {
	TTL     time.Duration  // whole seconds, from now on; left alone when 0
	Options map[string]any // left alone when nil
}

// UpdateSubscription changes a subscription and begins its TTL anew. It stays confirmed, or not.
// The trust of a trust+http subscriber is not made anew, and ends when it would have.
func UpdateSubscription(
	ctx context.Context, client *gophercloud.ServiceClient, queue, id string, opts UpdateSubscriptionOpts,
) (r UpdateResult) {
	body := map[string]any{}
	if opts.TTL > 0 {
		body["ttl"] = int(opts.TTL / time.Second)
	}
	if opts.Options != nil {
		body["options"] = opts.Options
	}
	answer, err := client.Patch(ctx, subscriptionURL(client, queue, id), body, nil, &gophercloud.RequestOpts{
		OkCodes: []int{http.StatusNoContent},
	})
	_, r.Header, r.Err = gophercloud.ParseResponse(answer, err)
	return r
}

// UpdateResult is the answer to UpdateSubscription. Its ExtractErr reports whether it succeeded.
type UpdateResult struct{ gophercloud.ErrResult }

// Unsubscribe deletes a subscription. It is no error when there is none.
func Unsubscribe(ctx context.Context, client *gophercloud.ServiceClient, queue, id string) (r DeleteResult) {
	answer, err := client.Delete(ctx, subscriptionURL(client, queue, id), nil)
	_, r.Header, r.Err = gophercloud.ParseResponse(answer, err)
	return r
}

// DeleteResult is the answer to Unsubscribe. Its ExtractErr reports whether it succeeded.
type DeleteResult struct{ gophercloud.ErrResult }

// Confirm says that the subscriber wants what is sent, or, when wanted is false, that it does not
// any more. It needs a token of the queue's project; see Confirmation.Answer for a subscriber
// without.
func Confirm(ctx context.Context, client *gophercloud.ServiceClient, queue, id string, wanted bool) (r ConfirmResult) {
	body := map[string]any{"confirmed": wanted}
	answer, err := client.Put(ctx, confirmURL(client, queue, id), body, nil, &gophercloud.RequestOpts{
		OkCodes: []int{http.StatusNoContent},
	})
	_, r.Header, r.Err = gophercloud.ParseResponse(answer, err)
	return r
}

// ConfirmResult is the answer to Confirm. Its ExtractErr reports whether it succeeded.
type ConfirmResult struct{ gophercloud.ErrResult }
