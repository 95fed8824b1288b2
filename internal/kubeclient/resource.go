package kubeclient

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
)

// resource is the Resource of objects of type T, whose lists are of type L. Its requests are those
// of client-go's gentype.Client, which cannot be linked without client-go's harness for tests.
type resource[T any, P named[T], L any, Q object[L]] struct {
	client     rest.Interface
	parameters runtime.ParameterCodec
	name       string // in paths
	namespace  string // "": all, or none has one
}

// named is a pointer to a kind whose objects have names.
type named[T any] interface {
	object[T]
	metav1.Object
}

func collection[T, L any, P named[T], Q object[L]](
	c *client, group rest.Interface, name, namespace string,
) *resource[T, P, L, Q] {
	return &resource[T, P, L, Q]{client: group, parameters: c.parameters, name: name, namespace: namespace}
}

// asked says of a request which collection it is about. Objects are sent and wanted in protobuf's
// encoding, unless the configuration of the client names another.
func (r *resource[T, P, L, Q]) asked(request *rest.Request) *rest.Request {
	return request.UseProtobufAsDefault().NamespaceIfScoped(r.namespace, r.namespace != "").Resource(r.name)
}

// Get implements Resource.
func (r *resource[T, P, L, Q]) Get(ctx context.Context, name string, options metav1.GetOptions) (P, error) {
	found := P(new(T))
	err := r.asked(r.client.Get()).Name(name).VersionedParams(&options, r.parameters).Do(ctx).Into(found)
	return found, err
}

// List implements Resource.
func (r *resource[T, P, L, Q]) List(ctx context.Context, options metav1.ListOptions) (Q, error) {
	found := Q(new(L))
	err := r.asked(r.client.Get()).VersionedParams(&options, r.parameters).Timeout(timeout(options)).Do(ctx).Into(found)
	return found, err
}

// Watch implements Resource.
func (r *resource[T, P, L, Q]) Watch(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
	options.Watch = true
	return r.asked(r.client.Get()).VersionedParams(&options, r.parameters).Timeout(timeout(options)).Watch(ctx)
}

// Create implements Resource.
func (r *resource[T, P, L, Q]) Create(ctx context.Context, object P, options metav1.CreateOptions) (P, error) {
	made := P(new(T))
	err := r.asked(r.client.Post()).VersionedParams(&options, r.parameters).Body(object).Do(ctx).Into(made)
	return made, err
}

// Update implements Resource.
func (r *resource[T, P, L, Q]) Update(ctx context.Context, object P, options metav1.UpdateOptions) (P, error) {
	next := P(new(T))
	err := r.asked(r.client.Put()).Name(object.GetName()).VersionedParams(&options, r.parameters).
		Body(object).Do(ctx).Into(next)
	return next, err
}

// Delete implements Resource.
func (r *resource[T, P, L, Q]) Delete(ctx context.Context, name string, options metav1.DeleteOptions) error {
	return r.asked(r.client.Delete()).Name(name).Body(&options).Do(ctx).Error()
}

// Patch implements Resource.
func (r *resource[T, P, L, Q]) Patch(
	ctx context.Context, name string, kind types.PatchType, patch []byte, options metav1.PatchOptions,
	subresources ...string,
) (P, error) {
	next := P(new(T))
	err := r.asked(r.client.Patch(kind)).Name(name).SubResource(subresources...).
		VersionedParams(&options, r.parameters).Body(patch).Do(ctx).Into(next)
	return next, err
}
