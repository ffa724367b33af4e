//! The kinds of objects that hosts are shown as.

/// A kind of objects.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Resource {
    /// The addresses of a service: ready ones and others, by what ports they have.
    Endpoints,
    /// A service: that there is one, and its ports.
    Services,
    /// A host.
    Pods,
    /// A part of the hosts of a service.
    EndpointSlices,
    /// What groups services.
    Namespaces,
}

impl Resource {
    /// Every kind.
    pub(super) const ALL: [Resource; 5] =
        [Resource::Endpoints, Resource::Services, Resource::Pods, Resource::EndpointSlices, Resource::Namespaces];

    /// The kind of that name in a group; the empty group is the core.
    pub(super) fn find(group: &str, plural: &str) -> Option<Resource> {
        Resource::ALL.into_iter().find(|known| known.group() == group && known.plural() == plural)
    }

    /// In paths.
    pub(super) const fn plural(self) -> &'static str {
        match self {
            Resource::Endpoints => "endpoints",
            Resource::Services => "services",
            Resource::Pods => "pods",
            Resource::EndpointSlices => "endpointslices",
            Resource::Namespaces => "namespaces",
        }
    }

    /// In `kind`.
    pub(super) const fn kind(self) -> &'static str {
        match self {
            Resource::Endpoints => "Endpoints",
            Resource::Services => "Service",
            Resource::Pods => "Pod",
            Resource::EndpointSlices => "EndpointSlice",
            Resource::Namespaces => "Namespace",
        }
    }

    /// What people may write for it beside its names.
    pub(super) const fn short_names(self) -> &'static [&'static str] {
        match self {
            Resource::Endpoints => &["ep"],
            Resource::Services => &["svc"],
            Resource::Pods => &["po"],
            Resource::EndpointSlices => &[],
            Resource::Namespaces => &["ns"],
        }
    }

    /// The group of its API; empty for the core.
    pub(super) const fn group(self) -> &'static str {
        match self {
            Resource::Endpoints | Resource::Services | Resource::Pods | Resource::Namespaces => "",
            Resource::EndpointSlices => "discovery.k8s.io",
        }
    }

    /// `apiVersion`.
    pub(super) const fn api_version(self) -> &'static str {
        match self {
            Resource::Endpoints | Resource::Services | Resource::Pods | Resource::Namespaces => "v1",
            Resource::EndpointSlices => "discovery.k8s.io/v1",
        }
    }

    /// The name in messages: with the group, where it has one.
    pub(super) const fn qualified(self) -> &'static str {
        match self {
            Resource::EndpointSlices => "endpointslices.discovery.k8s.io",
            Resource::Endpoints | Resource::Services | Resource::Pods | Resource::Namespaces => self.plural(),
        }
    }

    /// Whether its objects are in a namespace.
    pub(super) const fn is_namespaced(self) -> bool {
        !matches!(self, Resource::Namespaces)
    }
}
