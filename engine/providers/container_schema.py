"""The properties of docker:index/container:Container."""

from engine.providers.schema import LABEL, parse_schema

SCHEMA = parse_schema(
    """
    capabilities      object
    command           list        computed
    containerReadRefreshTimeoutMilliseconds  number  in-place =15000
    cpuSet            text        in-place
    cpuShares         number      in-place
    cpus              decimal
    destroyGraceSeconds  number   in-place
    dns               set
    dnsOpts           set
    dnsSearches       set
    entrypoints       list        computed
    envs              set         computed
    groupAdds         set
    healthcheck       object      in-place computed
    hostname          text        computed
    hosts             object-set
    image             text        required
    init              flag        in-place computed
    ipcMode           text        computed
    labels            object-set  computed
    logDriver         text        computed
    logOpts           map
    maxRetryCount     number      in-place
    memory            number      in-place
    memoryReservation number      in-place
    memorySwap        number      in-place computed
    mounts            object-set
    mustRun           flag        in-place =true
    name              text
    networkMode       text        =bridge
    networksAdvanced  object-set
    pidMode           text
    platform          text        computed
    ports             objects
    privileged        flag
    readOnly          flag
    removeVolumes     flag        in-place =true
    restart           text        in-place =no
    runtime           text        computed
    securityOpts      set         computed
    shmSize           number      computed
    start             flag        in-place =true
    stdinOpen         flag
    stopSignal        text        computed
    stopTimeout       number      computed
    sysctls           map
    tmpfs             map         in-place
    tty               flag
    ulimits           object-set
    user              text        keeps
    usernsMode        text
    volumes           object-set
    wait              flag        in-place
    waitTimeout       number      in-place =60
    workingDir        text        keeps
    """,
    capabilities=parse_schema("adds set\ndrops set"),
    healthcheck=parse_schema(
        "interval duration\nretries number\nstartInterval duration\nstartPeriod duration\ntests list\ntimeout duration"
    ),
    hosts=parse_schema("host text required\nip text required"),
    labels=LABEL,
    mounts=parse_schema(
        """
        bindOptions    object
        readOnly       flag
        source         text
        target         text    required
        tmpfsOptions   object
        type           text    required
        volumeOptions  object
        """,
        bindOptions=parse_schema("propagation text"),
        tmpfsOptions=parse_schema("mode number\nsizeBytes number"),
        volumeOptions=parse_schema(
            "driverName text\ndriverOptions map\nlabels object-set\nnoCopy flag\nsubpath text", labels=LABEL
        ),
    ),
    networksAdvanced=parse_schema(
        """
        aliases       set
        driverOpts    set
        ipv4Address   text
        ipv6Address   text
        linkLocalIps  set
        macAddress    text
        name          text  required
        """
    ),
    ports=parse_schema("external number computed\ninternal number required\nip text =0.0.0.0\nprotocol text =tcp"),
    ulimits=parse_schema("hard number required\nname text required\nsoft number required"),
    volumes=parse_schema(
        "containerPath text\nfromContainer text\nhostPath text\nreadOnly flag\nselinuxRelabel text\nvolumeName text"
    ),
)
"""`memorySwap` counts as computed: Docker doubles `memory` where it is not given."""

SENT_ON_UPDATE = ("restart", "maxRetryCount", "cpuShares", "memory", "memoryReservation", "cpuSet", "memorySwap")
"""What Docker can change on a running container."""

STATE_ONLY = ("healthcheck", "init", "tmpfs")
"""What the provider says it updates and does not: Docker cannot change it on an existing container."""

CAN_DRIFT = frozenset([*SENT_ON_UPDATE, "cpus", "name"])
"""What can change on a container behind the engine's back; the rest is fixed when it is created."""
