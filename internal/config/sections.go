package config

import "time"

// Default is the section that every OpenStack service has.
type Default struct {
	Debug           bool          `opt:"debug"                     default:"false"         help:"Log at level debug rather than info: each call of a function has a line, with its worker and its times, and never with what was sent or returned."`
	UseJSON         bool          `opt:"use_json"                  default:"false"         help:"Log one JSON object a line rather than text."`
	LogFile         string        `opt:"log_file"                  default:""              help:"The file to log to. Empty: standard error."`
	AuthStrategy    string        `opt:"auth_strategy"             default:"noauth"        help:"How callers prove who they are. keystone: by a token of it, see [keystone_authtoken]. noauth asks for nothing: whoever reaches the API is an administrator of one project. Use it on an address that only you can reach." choices:"noauth,keystone"`
	TransportURL    string        `opt:"transport_url"             default:"in-process://" help:"The message broker: rabbit://user:password@host:port,user:password@host2:port/vhost. in-process:// is for API and engine in one process, faas-standalone."                                                                                          prefixes:"in-process://,rabbit://" secret:"url"`
	StatePath       string        `opt:"state_path"                default:"/var/lib/faas" help:"The folder of everything that the service keeps. Other options may refer to it as $state_path."                                                                                                                                                                                                     required:"true"`
	Host            string        `opt:"host"                      default:""              help:"The name of this process among its peers, unique to it. Empty: the machine's host name."`
	ShutdownTimeout time.Duration `opt:"graceful_shutdown_timeout" default:"60"            help:"How long requests and calls under way may take when the service is told to end."                                                                                                                                                                                                                                    range:"0:3600"`
}

// API is what faas-api listens on and what it accepts.
type API struct {
	Host           string        `opt:"host"                    default:"127.0.0.1" required:"true" help:"The address to listen on."`
	Port           int           `opt:"port"                    default:"7070"                      help:"The port to listen on. 0 lets the system choose one."                                                                                                                                                                                                                                                  range:"0:65535"`
	PublicEndpoint string        `opt:"public_endpoint"         default:""                          help:"The URL that clients reach the API by, for the links in answers. Empty: what the request was sent to."                                                                                                                                                                                                                                prefixes:",http://,https://"`
	MaxLimit       int           `opt:"max_limit"               default:"1000"                      help:"Items in one answer to a list, at most and where the client names no limit."                                                                                                                                                                                                                           range:"1:100000"`
	MaxBody        int64         `opt:"max_body"                default:"2097152"                   help:"Bytes of a request's body, packages apart."                                                                                                                                                                                                                                                            range:"1024:1073741824"`
	ReadTimeout    time.Duration `opt:"read_timeout"            default:"30"                        help:"How long a request's headers may take to arrive, and how long its body may pause, before it is answered with 408." range:"1:600"`
	MaxInput       int64         `opt:"max_input"               default:"1048576"                   help:"Bytes of the input of an execution."                                                                                                                                                                                                                                                                   range:"1024:1073741824"`
	Memory         int64         `opt:"memory_budget"           default:"201326592"                 help:"Bytes of memory that requests under way may hold together, as reckoned from what they bring and are answered with. One more is answered with 503, or with 429 where its project alone holds four fifths. Leave as much again to the rest of the process."                                              range:"16777216:1099511627776"`
	CallWait       time.Duration `opt:"call_wait"               default:"30"                        help:"How long a synchronous call waits for a worker before it is answered with 429."                                                                                                                                                                                                                        range:"1:600"`
	MaxWaiting     int           `opt:"max_waiting_per_project" default:"1000"                      help:"Calls of one project that may wait for a worker at a time. One more is answered with 429 at once."                                                                                                                                                                                                     range:"1:1000000"`
	DrainTime      time.Duration `opt:"drain_time"              default:"5"                         help:"How long the process goes on answering after it was told to end, while /healthcheck answers 503 and each answer closes its connection, so that load balancers let go of it first."                                                                                                                     range:"0:600"`
	ImagesFrom     []string      `opt:"image_functions_from"    default:""                          help:"Where the images of functions may come from, separated by commas: registries (registry.example.org) or prefixes of repositories (docker.io/myproject). Empty: no function may be of an image. Nodes pull these images, from wherever a tenant says: name what you trust to be nothing but a registry."`
	PlainHTTP      []string      `opt:"plain_http_registries"   default:""                          help:"Those registries of image_functions_from that have no TLS, as host or host:port, separated by commas. The API asks them by plain HTTP, passwords included; the nodes' container runtime has to be told by itself. Use it where nobody else can listen."`
	WebhookSecret  string        `opt:"webhook_secret" default:"" secret:"true" help:"What the secrets in the URLs of webhooks are derived from, and what the secrets that their senders sign with are sealed by: at least 32 letters, the same for every API and for nobody else. Empty: [worker] token_secret; where that is empty too, in faas-standalone, a file of state_path that it makes. Another secret gives every webhook another URL."`
	WebhookLimit   int64         `opt:"webhook_rate_limit" default:"6000" help:"Calls a minute of one webhook that each API takes, and as many at once after a quiet minute. A webhook may have a lower limit of its own." range:"1:10000000"`
	StatusHost     string        `opt:"status_host"             default:"127.0.0.1" required:"true" help:"The address on which a process that serves the API answers its operator: /healthcheck, which the public port has too, and what [metrics] allows. Keep it from strangers."`
	StatusPort     int           `opt:"status_port"             default:"0"                         help:"The port of status_host. 0: none."                                                                                                                                                                                                                                                                     range:"0:65535"`
	NoauthProject  string        `opt:"noauth_project_id"       default:"default"   required:"true" help:"The project that everything belongs to with auth_strategy = noauth."`
}

// Database is where the records are.
type Database struct {
	Connection  string `opt:"connection"    default:"sqlite:///$state_path/faas.sqlite" required:"true" prefixes:"sqlite:///,mysql+pymysql://,mysql://" secret:"url" help:"The database: mysql+pymysql://user:password@host:port/database of MariaDB or MySQL; sqlite:////absolute/path is for faas-standalone."`
	MaxPoolSize int    `opt:"max_pool_size" default:"16"                                                                                                             help:"Connections that serve reads, besides those that write."                                                                              range:"1:1000"`
}

// Storage is where function packages are.
type Storage struct {
	Provider      string        `opt:"provider"             default:"local"                choices:"local,swift" help:"What keeps function packages. local: files in a folder, which every API and engine must share. swift: objects in a container of the project that [keystone_authtoken] names."`
	Container     string        `opt:"swift_container"      default:"faas-packages"                              help:"The container of the packages with provider = swift. It is made when it is not there."                                                                                        required:"true"`
	MaxObject     int64         `opt:"max_swift_object"     default:"52428800"                                   help:"Bytes of an object that a function's code may be taken from: at most what a package may have."                                                                                                range:"1024:52428800"`
	CheckInterval time.Duration `opt:"swift_check_interval" default:"60"                                         help:"How often the objects of functions that run are looked at for a change. A cold start always looks."                                                                                           range:"1:86400"`
	Dir           string        `opt:"file_system_dir"      default:"$state_path/packages"                       help:"The folder of the packages with provider = local."                                                                                                                            required:"true"`
}

// Engine is how pools and workers are kept and asynchronous executions run.
type Engine struct {
	Concurrency           int           `opt:"function_concurrency"     default:"3"         range:"1:64"                  help:"Calls that one worker runs at a time."`
	MaxWorkersPerFunction int           `opt:"max_workers_per_function" default:"10"        range:"1:10000"               help:"Workers that one function may have."`
	MaxWorkers            int           `opt:"max_workers"              default:"100"       range:"1:100000"              help:"Workers of all functions together."`
	MaxImagePods          int           `opt:"max_image_pods"           default:"50"        range:"1:10000"               help:"Containers of functions of container images with the protocol run that one engine runs at a time, of one project four fifths at most."`
	WorkerIdleTime        time.Duration `opt:"worker_idle_time"         default:"300"       range:"1:31536000"            help:"How long a function's worker stays after its last call."`
	PoolSize              int           `opt:"pool_size"                default:"3"         range:"0:1000"                help:"Generic workers that are kept ready for each runtime."`
	PoolMax               int           `opt:"pool_max_size"            default:"10"        range:"0:1000"                help:"Generic workers that the pool of a runtime may grow to when the last minutes needed them. Less than pool_size means pool_size."`
	ScaleDownWindow       time.Duration `opt:"scale_down_window"        default:"60"        range:"10:3600"               help:"Workers of a function beyond the first that were not needed for this long end, before worker_idle_time."`
	Lease                 time.Duration `opt:"lease"                    default:"30"        range:"2:3600"                help:"How long a claimed execution stays claimed without a sign of life from the process that runs it."`
	AsyncParallel         int           `opt:"async_parallel"           default:"32"        range:"1:10000"               help:"Asynchronous executions that one engine runs at a time. One project alone gets about four fifths of them."`
	ReapInterval          time.Duration `opt:"reap_interval"            default:"5"         range:"1:3600"                help:"How often lost messages, expired leases and idle workers are looked for."`
	ExecutionRetention    time.Duration `opt:"execution_retention"      default:"2592000"   range:"0:3153600000"          help:"How long the record of an ended execution is kept. 0: for ever."`
	StatusHost            string        `opt:"status_host"              default:"127.0.0.1"                               help:"The address on which faas-engine answers its operator: /healthcheck and what [metrics] allows. Keep it from strangers."                                                        required:"true"`
	StatusPort            int           `opt:"status_port"              default:"0"         range:"0:65535"               help:"The port of status_host. 0: none."`
	PackageGrace          time.Duration `opt:"package_grace"            default:"3600"      range:"60:31536000"           help:"How long a package that no function refers to is kept."`
	PackageMemory         int64         `opt:"package_memory"           default:"268435456" range:"1048576:1099511627776" help:"Bytes that functions' packages may take in the memory of faas-engine: half of them while they are read and sent to workers, half as a cache. Cold starts that need more wait."`
}

// ResourceLimits bounds what a function may ask for.
type ResourceLimits struct {
	DefaultCPU     int64 `opt:"default_cpu"     default:"100"        range:"1:1000000"             help:"Millicores of a function that names none."`
	MinCPU         int64 `opt:"min_cpu"         default:"100"        range:"1:1000000"             help:"Least millicores of a function."`
	MaxCPU         int64 `opt:"max_cpu"         default:"2000"       range:"1:1000000"             help:"Most millicores of a function."`
	DefaultMemory  int64 `opt:"default_memory"  default:"33554432"   range:"1048576:1099511627776" help:"Bytes of memory of a function that names none."`
	MinMemory      int64 `opt:"min_memory"      default:"33554432"   range:"1048576:1099511627776" help:"Least bytes of memory of a function."`
	MaxMemory      int64 `opt:"max_memory"      default:"2147483648" range:"1048576:1099511627776" help:"Most bytes of memory of a function."`
	DefaultTimeout int64 `opt:"default_timeout" default:"5"          range:"1:86400"               help:"Seconds that a call may take if its function names none."`
	MinTimeout     int64 `opt:"min_timeout"     default:"1"          range:"1:86400"               help:"Least seconds of a function's timeout."`
	MaxTimeout     int64 `opt:"max_timeout"     default:"300"        range:"1:86400"               help:"Most seconds of a function's timeout."`
}

// Worker is what bounds workers besides cpu and memory, how they know the service, and how they run
// as processes of this machine.
type Worker struct {
	TokenSecret    string   `opt:"token_secret"     default:""               secret:"true" help:"What the tokens of workers in pods are derived from: at least 32 letters, the same for every API and engine and for nobody else. openssl rand -hex 32 makes one."`
	RegistrySecret string   `opt:"registry_secret"  default:""               secret:"true" help:"What the passwords of functions' private registries are sealed by in the database: at least 32 letters, the same for every API and engine and for nobody else. Empty: token_secret. With another secret functions need their passwords anew."`
	AgentPath      string   `opt:"agent_path"       default:""                             help:"The faas-agent binary. Empty: beside the service's own."`
	Python         string   `opt:"python3"          default:""                             help:"The interpreter of the runtime python3. Empty: the first fit one of the usual places."`
	Node           string   `opt:"nodejs"           default:""                             help:"The interpreter of the runtime nodejs. Empty: the first fit one of the usual places."`
	Runtimes       []string `opt:"builtin_runtimes" default:"python3,nodejs"               help:"Built-in runtimes that are made available to every project at the first start, separated by commas."`
	Dir            string   `opt:"run_dir"          default:""                             help:"The folder of the workers' sockets, code and temporary files. Empty: one that the service makes, as root in /var/cache. In /tmp or /var/tmp it keeps workers from having folders of their own there."`
	OpenFiles      int      `opt:"open_files"       default:"1024"                         help:"Open files of each process of a function."                                                                                                                        range:"64:1048576"`
	Processes      int      `opt:"processes"        default:"128"                          help:"Processes and threads of a worker beyond the runtime's own."                                                                                                      range:"1:32768"`
	FileSize       int64    `opt:"file_size"        default:"536870912"                    help:"Bytes of each file that a function writes."                                                                                                                       range:"1048576:1099511627776"`
	ResultSize     int64    `opt:"result_size"      default:"4194304"                      help:"Bytes of the result of a call as JSON. API and engine must be told the same."                                                                                     range:"1024:67108864"`
	LogSize        int64    `opt:"log_size"         default:"262144"                       help:"Bytes of the log of a call that are kept; what is over is cut from its middle. API and engine must be told the same."                                             range:"1024:16777216"`
	FirstUID       int      `opt:"first_uid"        default:"200000"                       help:"First of the user ids that workers run under, one each, when the service runs as root."                                                                           range:"1000:4294000000"`
	LastUID        int      `opt:"last_uid"         default:"265535"                       help:"Last of these user ids."                                                                                                                                          range:"1000:4294000000"`
	ParallelStarts int      `opt:"parallel_starts"  default:"2"                            help:"Workers of one machine that start at a time."                                                                                                                     range:"1:256"`
}

// Policy is where the operator's own rules are.
type Policy struct {
	Dirs         []string      `opt:"policy_dirs"     default:"/etc/faas/policy.d" help:"Folders with rules in .rego, .yaml or .json that replace default rules, separated by commas. One that does not exist is passed over."`
	Reload       time.Duration `opt:"reload_interval" default:"5"                  help:"How often these folders are looked at for a change, which then holds without a restart. 0: never."                                    range:"0:3600"`
	LogDecisions bool          `opt:"log_decisions"   default:"false"              help:"Log each decision: who asked for what, and whether they may."`
}

// Authtoken is how Keystone is reached, by the names that operators know from keystonemiddleware.
type Authtoken struct {
	AuthURL          string        `opt:"auth_url"                     default:""         prefixes:",http://,https://" help:"Keystone, as in http://keystone.example.org:5000/v3. Needed with auth_strategy = keystone."`
	WWWAuthenticate  string        `opt:"www_authenticate_uri"         default:""         prefixes:",http://,https://" help:"The Keystone that callers without a token are sent to. Empty: auth_url."`
	Username         string        `opt:"username"                     default:"faas"                                  help:"The service's own user."`
	Password         string        `opt:"password"                     default:""                                      help:"Its password."                                                                                                                                        secret:"true"`
	UserDomain       string        `opt:"user_domain_name"             default:"Default"                               help:"The domain of that user."`
	Project          string        `opt:"project_name"                 default:"service"                               help:"The project that the service acts in."`
	ProjectDomain    string        `opt:"project_domain_name"          default:"Default"                               help:"The domain of that project."`
	Region           string        `opt:"region_name"                  default:""                                      help:"The region whose endpoints are used. Empty: the only one there is."`
	Interface        string        `opt:"interface"                    default:"internal"                              help:"Which of the endpoints in the catalogue the service itself uses."                                                                                                   choices:"public,internal,admin"`
	CAFile           string        `opt:"cafile"                       default:""                                      help:"The certificates that may sign Keystone's and the other services'. Empty: the system's."`
	Insecure         bool          `opt:"insecure"                     default:"false"                                 help:"Take any certificate of Keystone for good. For trying things out only."`
	Timeout          time.Duration `opt:"http_connect_timeout"         default:"10"                                    help:"How long one request to Keystone may take."                                                                                                                                                         range:"1:600"`
	CacheTime        time.Duration `opt:"token_cache_time"             default:"300"                                   help:"How long a validated token is taken for valid without asking again: a token that is revoked may go on for that long. 0: each is asked for each time."                                               range:"0:86400"`
	CacheSize        int           `opt:"token_cache_size"             default:"10000"                                 help:"Validated tokens that are remembered, some two kilobytes each."                                                                                                                                     range:"1:10000000"`
	OutageTime       time.Duration `opt:"token_outage_time"            default:"3600"                                  help:"How long beyond token_cache_time a token that was valid goes on while Keystone cannot be asked. Never beyond its expiry."                                                                           range:"0:86400"`
	ServiceRoles     []string      `opt:"service_token_roles"          default:"service"                               help:"The roles of which a service that sends X-Service-Token must have one, separated by commas."`
	ServiceRolesMust bool          `opt:"service_token_roles_required" default:"true"                                  help:"Refuse a service's token that has none of these roles, rather than pass over it."`
}

// Trust is how functions act for those who made them.
type Trust struct {
	Enabled bool     `opt:"enabled"        default:"true"          help:"Make a Keystone trust for each new function, by which it acts with its creator's roles in its own project. Only with auth_strategy = keystone."`
	Except  []string `opt:"excluded_roles" default:"admin,service" help:"Roles that a function never has, whatever its creator has, separated by commas."`
}

// Quota is what a project may have when nobody has said otherwise. -1 is without bounds.
type Quota struct {
	Driver         string        `opt:"driver"                default:"database"        choices:"database,unified_limits" help:"Where limits of single projects are kept. database: ours, by PUT /v1/quotas/{project_id}. unified_limits: Keystone's registered limits and limits of the service that the catalogue knows as service_type; the options here are then for resources that Keystone has no limit of."`
	ServiceType    string        `opt:"service_type"          default:"function-engine"                                   help:"The type of this service in Keystone's catalogue."                                                                                                                                                                                                                                 required:"true"`
	CacheTime      time.Duration `opt:"limits_cache_time"     default:"10"                                                help:"How long a project's limits are remembered before they are read again."                                                                                                                                                                                                                            range:"0:3600"`
	Functions      int64         `opt:"functions"             default:"100"                                               help:"Functions of a project."                                                                                                                                                                                                                                                                           range:"-1:1000000000"`
	Versions       int64         `opt:"function_versions"     default:"10"                                                help:"Versions of one function."                                                                                                                                                                                                                                                                         range:"-1:1000000000"`
	Aliases        int64         `opt:"aliases"               default:"100"                                               help:"Aliases of a project."                                                                                                                                                                                                                                                                             range:"-1:1000000000"`
	Webhooks       int64         `opt:"webhooks"              default:"100"                                               help:"Webhooks of a project."                                                                                                                                                                                                                                                                            range:"-1:1000000000"`
	Jobs           int64         `opt:"jobs"                  default:"100"                                               help:"Jobs of a project."                                                                                                                                                                                                                                                                                range:"-1:1000000000"`
	Triggers       int64         `opt:"triggers"              default:"100"                                               help:"Triggers of a project."                                                                                                                                                                                                                                                                            range:"-1:1000000000"`
	PackageBytes   int64         `opt:"package_bytes"         default:"1073741824"                                        help:"Bytes of a project's packages together."                                                                                                                                                                                                                                                           range:"-1:1000000000000000"`
	WorkerMemory   int64         `opt:"worker_memory"         default:"8589934592"                                        help:"Bytes of memory of a project's live workers together, as their functions ask for it."                                                                                                                                                                                                              range:"-1:1000000000000000"`
	Executions     int64         `opt:"concurrent_executions" default:"1000"                                              help:"Executions of a project that run at a time."                                                                                                                                                                                                                                                       range:"-1:1000000000"`
	CallsPerMinute int64         `opt:"calls_per_minute"      default:"-1"                                                help:"Executions that a project may ask for in a minute."                                                                                                                                                                                                                                                range:"-1:1000000000"`
	Queued         int64         `opt:"queued_executions"     default:"100000"                                            help:"Asynchronous executions of a project that wait to be run."                                                                                                                                                                                                                                         range:"-1:1000000000"`
	RecordBytes    int64         `opt:"execution_bytes"       default:"21474836480"                                       help:"Bytes of the records of a project's executions together: inputs, results and logs."                                                                                                                                                                                                                range:"-1:1000000000000000"`
}

// CORS lets pages of other origins use the API, by the names that operators know from
// oslo.middleware.
type CORS struct {
	Origins     []string      `opt:"allowed_origin"    default:""                                                                       help:"The origins whose pages may use the API, separated by commas, as in https://horizon.example.org; * is every one. Empty: none."`
	Credentials bool          `opt:"allow_credentials" default:"true"                                                                   help:"Pages may send credentials, unless allowed_origin is *."`
	Expose      []string      `opt:"expose_headers"    default:"X-Openstack-Request-Id,OpenStack-API-Version"                           help:"Headers of answers that pages may read, separated by commas."`
	MaxAge      time.Duration `opt:"max_age"           default:"3600"                                                                   help:"How long a browser may remember the answer to its question."                                                                   range:"0:86400"`
	Methods     []string      `opt:"allow_methods"     default:"GET,PUT,POST,DELETE,PATCH"                                              help:"Methods that pages may use, separated by commas."`
	Headers     []string      `opt:"allow_headers"     default:"X-Auth-Token,X-Openstack-Request-Id,OpenStack-API-Version,Content-Type" help:"Headers that pages may send, separated by commas."`
}

// Notifications are the notifications for other services, Ceilometer and CloudKitty among them.
type Notifications struct {
	Driver       string   `opt:"driver"           default:"noop"          choices:"noop,messagingv2" help:"noop: nobody is told. messagingv2: RabbitMQ carries it, in the envelope of oslo.messaging."`
	TransportURL string   `opt:"transport_url"    default:""                                         help:"The message broker of the notifications. Empty: that of [DEFAULT]."                         prefixes:",rabbit://" secret:"url"`
	Starts       bool     `opt:"execution_start"  default:"false"                                    help:"Tell of each execution that begins, too, and not only of its end. Nothing is billed by it."`
	Topics       []string `opt:"topics"           default:"notifications"                            help:"The topics that are told, separated by commas."`
	Exchange     string   `opt:"control_exchange" default:"openstack"                                help:"The exchange that they are published in."                                                                                      required:"true"`
}

// Triggers is how events come to triggers.
type Triggers struct {
	Endpoint     string        `opt:"endpoint" default:"" help:"The URL by which Aodh and Zaqar reach the API, for the alarms and subscriptions of triggers. Empty: public_endpoint of [api], and where that is empty too the endpoint of this service in Keystone's catalogue." prefixes:",http://,https://"`
	Exchanges    []string      `opt:"notification_exchanges"     default:""                                                                      help:"The control_exchange of each service whose notifications triggers may hear, separated by commas, as in nova,cinder,neutron,glance,keystone,heat. Empty: no trigger hears any."`
	Topics       []string      `opt:"notification_topics"        default:"notifications"                                                         help:"The topics of these notifications, separated by commas. versioned_notifications are Nova's versioned ones."`
	TransportURL string        `opt:"notification_transport_url" default:""                                                                      help:"The message broker that these services notify: rabbit://user:password@host:port/vhost. Empty: that of [DEFAULT]."                                                                                     prefixes:",rabbit://" secret:"url"`
	QueueBytes   int64         `opt:"notification_queue_bytes"   default:"268435456"                                                             help:"Bytes of notifications that wait in our queue while no engine reads them, at most; then the oldest are dropped. A queue that exists keeps the number that it was made with."                          range:"1048576:1099511627776"`
	QueueExpires time.Duration `opt:"notification_queue_expires" default:"86400"                                                                 help:"How long our queue stays, and collects, when no engine reads it any more. A queue that exists keeps the number that it was made with."                                                                range:"3600:2592000"`
	Allowed      []string      `opt:"allowed_networks"           default:""                                                                      help:"Address blocks of URLs that the outcomes of executions may be sent to although they are not public or lie within a block of denied_networks, separated by commas. Of overlapping blocks the narrower one decides; of two that are equal, that of allowed_networks."`
	Denied       []string      `opt:"denied_networks"            default:""                                                                      help:"Address blocks of URLs that outcomes are not sent to beside all that are not public, separated by commas: public addresses of the service's own network."`
	Hidden       []string      `opt:"notification_hidden"        default:"host,node,cell_name,image_ref_url,exception,fault,initiator.host" help:"Members of the notifications' payloads that functions do not get, since they tell of the inside of the cloud: names, or name.name for what is within a member, separated by commas."`
}

// HealthCheck is what /healthcheck looks at.
type HealthCheck struct {
	DisableByFile string `opt:"disable_by_file_path" default:"" help:"While this file exists, /healthcheck answers 503, so that a load balancer lets go of this process."`
}

// Metrics is what the status ports serve besides /healthcheck.
type Metrics struct {
	Enabled   bool `opt:"enabled"   default:"true"  help:"Serve /metrics on the status port of each process, to anyone who can reach it: see status_port in [api] and [engine]."`
	Profiling bool `opt:"profiling" default:"false" help:"Serve Go's profiles at /debug/pprof on the status port, to anyone who can reach it. They show what the process holds in memory, tokens among it, and take processor time."`
}

// Rabbit is how RabbitMQ is reached, by the names that operators know from oslo.messaging.
type Rabbit struct {
	SSL       bool          `opt:"ssl"                         default:"false" help:"Speak TLS, and verify the server's certificate."`
	CAFile    string        `opt:"ssl_ca_file"                 default:""      help:"The certificates that may sign the server's. Empty: the system's."`
	CertFile  string        `opt:"ssl_cert_file"               default:""      help:"The client's certificate, if the server asks for one."`
	KeyFile   string        `opt:"ssl_key_file"                default:""      help:"The key of that certificate."`
	Heartbeat time.Duration `opt:"heartbeat_timeout_threshold" default:"20"    help:"How long a peer may be silent before its connection counts as dead."                                                                                  range:"1:3600"`
	Retry     time.Duration `opt:"rabbit_retry_interval"       default:"1"     help:"The pause after every host has been tried."                                                                                                           range:"0:3600"`
	Backoff   time.Duration `opt:"rabbit_retry_backoff"        default:"2"     help:"What each further pause adds."                                                                                                                        range:"0:3600"`
	MaxPause  time.Duration `opt:"rabbit_interval_max"         default:"30"    help:"The longest pause."                                                                                                                                   range:"1:3600"`
	Durable   bool          `opt:"amqp_durable_queues"         default:"false" help:"The exchange and the queues of notifications outlive RabbitMQ. All services that share them must be told the same. Our own queues do so in any case."`
	Prefix    string        `opt:"queue_prefix"                default:"faas"  help:"What the names of our queues and exchanges begin with."                                                                                                              required:"true"`
}

// Kubernetes is the cluster that workers run in, and what they are there.
type Kubernetes struct {
	Config          string        `opt:"kubeconfig"              default:""                                      help:"The kubeconfig file of the cluster. Empty: the engine itself runs in it, by its service account."`
	Namespace       string        `opt:"namespace"               default:"faas"                                  help:"The namespace of the workers. Nothing else should run in it."                                                                                                                                                                                                                                    required:"true"`
	AgentImage      string        `opt:"agent_image"             default:"docker.io/openstack-faas/agent:latest" help:"The image of faas-agent, which runs beside the runtime in each worker."                                                                                                                                                                                                                          required:"true"`
	PullPolicy      string        `opt:"image_pull_policy"       default:"IfNotPresent"                          help:"When images are pulled."                                                                                                                                                                                                                                                                                         choices:"Always,IfNotPresent,Never"`
	PullSecrets     []string      `opt:"image_pull_secrets"      default:""                                      help:"Secrets of the namespace that the images of runtimes, and the agent's beside them, are pulled with, separated by commas. Functions' own images, and the agent's beside those, are pulled without."`
	TrustedClass    string        `opt:"trusted_runtime_class"   default:""                                      help:"The RuntimeClass of runtimes that are trusted. Empty: the cluster's default."`
	UntrustedClass  string        `opt:"untrusted_runtime_class" default:""                                      help:"The RuntimeClass of runtimes that are not trusted: gVisor or Kata. Empty: the cluster's default."`
	CeilingCPU      int64         `opt:"ceiling_cpu"             default:"2000"                                  help:"Millicores that a worker may use until it has a function's own limits."                                                                                                                                                                                                                                                                              range:"100:1000000"`
	CeilingMemory   int64         `opt:"ceiling_memory"          default:"536870912"                             help:"Bytes of memory that a worker may use until it has a function's own limits."                                                                                                                                                                                                                                                                         range:"67108864:1099511627776"`
	RequestCPU      int64         `opt:"request_cpu"             default:"20"                                    help:"Millicores that the scheduler sets aside for each worker."                                                                                                                                                                                                                                                                                           range:"1:1000000"`
	RequestMemory   int64         `opt:"request_memory"          default:"33554432"                              help:"Bytes of memory that the scheduler sets aside for each worker."                                                                                                                                                                                                                                                                                      range:"1048576:1099511627776"`
	ProgressTimeout time.Duration `opt:"progress_timeout"        default:"120"                                   help:"How long a pool's first worker may take to come up before the runtime counts as failed."                                                                                                                                                                                                                                                             range:"5:3600"`
	EgressAllow     []string      `opt:"egress_allow"            default:""                                      help:"Address blocks that functions may reach although they are not public or lie within a block of egress_deny, separated by commas: OpenStack's endpoints, say. Of IPv6, functions reach nothing else."`
	EgressDeny      []string      `opt:"egress_deny"             default:""                                      help:"Address blocks that functions may not reach beside all that are not public, separated by commas. Those of pods, services and nodes must be among them if they are public. A narrower block of egress_allow stays open, and a narrower one of these stays closed within a block of egress_allow."`
	Resolvers       []string      `opt:"dns_servers"             default:""                                      help:"Name servers of the functions, which they may reach wherever those are, separated by commas. Empty: the node's own, which they reach only if they are public or egress_allow names them."`
	IngressFrom     []string      `opt:"ingress_from"            default:""                                      help:"Address blocks that APIs and engines reach workers from when they do not run in the cluster, separated by commas."`
	QPS             int           `opt:"api_qps"                 default:"100"                                   help:"Requests a second to the Kubernetes API, at most."                                                                                                                                                                                                                                                                                                   range:"1:10000"`
}
