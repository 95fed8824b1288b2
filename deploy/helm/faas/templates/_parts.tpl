{{/* What both Deployments and the Job have in common. */}}

{{/* labels NAME: of an object of that part. */}}
{{- define "faas.labels" -}}
app.kubernetes.io/name: {{ . }}
app.kubernetes.io/part-of: openstack-faas
{{- end }}

{{- define "faas.image" -}}
{{ .repository }}:{{ .tag }}
{{- end }}

{{/* 90 % of the limit: memory is freed with more effort before the kernel ends the process. */}}
{{- define "faas.gomemlimit" -}}
{{ div (add (mul 9 (trimSuffix "Mi" .limit | int)) 5) 10 }}MiB
{{- end }}

{{- define "faas.resources" -}}
requests: {cpu: {{ .cpu }}, memory: {{ .memory.request }}}
limits: {memory: {{ .memory.limit }}}
{{- end }}

{{- define "faas.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "faas.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- define "faas.claim" -}}
{{ .Values.packages.existingClaim | default "faas-packages" }}
{{- end }}

{{/* A checksum of the configuration, so that a change of it rolls out with the next upgrade. Where
     nobody can be asked, as in `helm template`, there is none. */}}
{{- define "faas.checksum" -}}
{{- with lookup "v1" "Secret" .Release.Namespace .Values.configuration.existingSecret -}}
{{- .data | toJson | sha256sum -}}
{{- end -}}
{{- end }}

{{/* annotations LIST of the values' own and the context: of pods. */}}
{{- define "faas.podAnnotations" -}}
{{- $all := deepCopy (index . 0) -}}
{{- with include "faas.checksum" (index . 1) -}}
{{- $_ := set $all "checksum/configuration" . -}}
{{- end -}}
{{- with $all }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* apart NAME: rather on different nodes. */}}
{{- define "faas.apart" -}}
podAntiAffinity:
  preferredDuringSchedulingIgnoredDuringExecution:
  - weight: 100
    podAffinityTerm:
      topologyKey: kubernetes.io/hostname
      labelSelector:
        matchLabels: {app.kubernetes.io/name: {{ . }}}
{{- end }}

{{/* nodes VALUES: on which nodes pods are put, and before whom. */}}
{{- define "faas.nodes" -}}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}

{{/* spread LIST of NAME and labels of nodes: rather evenly over the values of these. */}}
{{- define "faas.spread" -}}
{{- $name := index . 0 -}}
{{- with index . 1 }}
topologySpreadConstraints:
{{- range . }}
- maxSkew: 1
  topologyKey: {{ . }}
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels: {app.kubernetes.io/name: {{ $name }}}
{{- end }}
{{- end }}
{{- end }}
