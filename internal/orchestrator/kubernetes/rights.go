package kubernetes

import (
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/openstack-faas/faas/internal/faas"
)

// engineRole names what an engine's rights are granted by.
const engineRole = "faas-engine"

// Prepared returns what must be in a cluster before an engine can use it, in the order in which it
// is made: the namespace of the workers, and the engine's rights, granted to the group. growing
// adds the rights to see that nodes are empty and to have no more pods put on them.
func Prepared(namespace, group string, growing bool) []runtime.Object {
	of := metav1.ObjectMeta{Name: engineRole, Namespace: namespace}
	subjects := []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: group}}
	objects := []runtime.Object{
		&corev1.Namespace{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"},
			ObjectMeta: metav1.ObjectMeta{Name: namespace, Labels: map[string]string{
				"pod-security.kubernetes.io/enforce":         "restricted",
				"pod-security.kubernetes.io/enforce-version": "latest",
			}},
		},
		&rbacv1.Role{TypeMeta: rbacType("Role"), ObjectMeta: of, Rules: engineRules()},
		&rbacv1.RoleBinding{
			TypeMeta: rbacType("RoleBinding"), ObjectMeta: of, Subjects: subjects,
			RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: engineRole},
		},
	}
	reviews := metav1.ObjectMeta{Name: engineRole + "-reviews"}
	objects = append(objects,
		&rbacv1.ClusterRole{TypeMeta: rbacType("ClusterRole"), ObjectMeta: reviews, Rules: reviewRules()},
		&rbacv1.ClusterRoleBinding{
			TypeMeta: rbacType("ClusterRoleBinding"), ObjectMeta: reviews, Subjects: subjects,
			RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: reviews.Name},
		},
	)
	if !growing {
		return objects
	}
	role := objects[1].(*rbacv1.Role)
	role.Rules = append(role.Rules, rbacv1.PolicyRule{ // which engine has it grow
		APIGroups: []string{"coordination.k8s.io"}, Resources: []string{"leases"}, Verbs: []string{"get", "create", "update"},
	})
	everywhere := metav1.ObjectMeta{Name: engineRole + "-nodes"}
	return append(objects,
		&rbacv1.ClusterRole{TypeMeta: rbacType("ClusterRole"), ObjectMeta: everywhere, Rules: nodeRules()},
		&rbacv1.ClusterRoleBinding{
			TypeMeta: rbacType("ClusterRoleBinding"), ObjectMeta: everywhere, Subjects: subjects,
			RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: everywhere.Name},
		},
	)
}

func rbacType(kind string) metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: kind}
}

// engineRules are what this package does in the workers' namespace, verb by verb. The manifests in
// deploy/ grant the same.
func engineRules() []rbacv1.PolicyRule {
	rule := func(group, resource string, verbs ...string) rbacv1.PolicyRule {
		return rbacv1.PolicyRule{APIGroups: []string{group}, Resources: []string{resource}, Verbs: verbs}
	}
	return []rbacv1.PolicyRule{
		rule("", "pods", "get", "list", "watch", "create", "patch", "delete"),
		rule("", "pods/log", "get"),
		rule("", "pods/resize", "patch"),
		rule("", "events", "list"),
		// passwords of private registries, and the gateway's certificate
		rule("", "secrets", "get", "list", "create", "update", "delete"),
		rule("", "services", "get"), // the gateway's
		rule("apps", "deployments", "get", "list", "watch", "create", "update", "patch", "delete"),
		rule("networking.k8s.io", "networkpolicies", "get", "list", "watch", "create", "update"),
	}
}

// reviewRules are what it takes to know a worker by what Kubernetes has put into its pod.
func reviewRules() []rbacv1.PolicyRule {
	return []rbacv1.PolicyRule{
		{APIGroups: []string{"authentication.k8s.io"}, Resources: []string{"tokenreviews"}, Verbs: []string{"create"}},
	}
}

// nodeRules are what removing empty nodes takes: pods of all namespaces are listed, for a node with
// somebody else's is not empty.
func nodeRules() []rbacv1.PolicyRule {
	return []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"nodes"}, Verbs: []string{"list", "patch"}},
		{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"list"}},
	}
}

// WorkerSelector selects the pods of workers by their labels.
const WorkerSelector = labelName + "=" + workerName

// AgentSelector selects those of them that have an agent: the pods of calls have none.
const AgentSelector = WorkerSelector + "," + labelProtocol + "!=" + string(faas.ProtocolRun)
