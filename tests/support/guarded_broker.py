"""A local broker that lets nobody do anything but as a user, with the rights that the manifests give that user."""

from pathlib import Path

from kafka.admin import ACL, ACLOperation, ACLPermissionType, ResourcePattern, ResourceType

from connectors.kafka.clients import admin
from connectors.kafka.settings import KafkaSettings
from foresend.kubernetes.kafka import ACCESS, user_manifests
from foresend.local.broker import Broker
from schemas.topics import TOPICS
from tests.support.waiting import wait_until

ADMIN = "admin"
SEEN_S = 20
_LOGIN = "org.apache.kafka.common.security.plain.PlainLoginModule"


class GuardedBroker(Broker):
    """Users by SASL PLAIN (each one's name is the password), rights by Kafka's own authorizer."""

    def settings_of(self, user: str) -> KafkaSettings:
        """How this user reaches it."""
        return KafkaSettings(
            self.bootstrap,
            security_protocol="SASL_PLAINTEXT",
            sasl_mechanism="PLAIN",
            sasl_username=user,
            sasl_password=user,
        )

    def grant(self, *without: tuple[str, str]) -> None:
        """Give every user the rights of its manifest; `without` leaves out pairs of user and topic."""
        rules = [
            _acl(manifest["metadata"]["name"], rule["resource"], operation)
            for manifest in user_manifests()
            for rule in manifest["spec"]["authorization"]["acls"]
            for operation in rule["operations"]
            if (manifest["metadata"]["name"], rule["resource"]["name"]) not in without
        ]
        with admin(self.settings_of(ADMIN)) as client:
            made = client.create_acls(rules)
        assert not made["failed"], made
        # The controller has them; the broker reads them a moment later, the last one last.
        wait_until(self._tools_see_all, SEEN_S, "the rights to hold")

    def _tools_see_all(self) -> bool:
        with admin(self.settings_of(f"foresend-{ACCESS[-1].program}")) as client:
            return set(client.list_topics()) >= {topic.name for topic in TOPICS}

    def _write_settings(self, name: str, data: Path) -> Path:
        settings = super()._write_settings(name, data)
        users = " ".join(f'user_{user}="{user}"' for user in [ADMIN, *(access.user for access in ACCESS)])
        login = f'{_LOGIN} required username="{ADMIN}" password="{ADMIN}" {users};'
        text = settings.read_text().replace("=PLAINTEXT:PLAINTEXT,", "=PLAINTEXT:SASL_PLAINTEXT,")
        settings.write_text(
            f"{text}\n"
            "sasl.enabled.mechanisms=PLAIN\n"
            "sasl.mechanism.inter.broker.protocol=PLAIN\n"
            f"listener.name.plaintext.plain.sasl.jaas.config={login}\n"
            "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\n"
            # The controller's own listener knows no users; clients cannot reach it by name.
            f"super.users=User:{ADMIN};User:ANONYMOUS\n"
            "message.max.bytes=16777216\n"
        )
        return settings


def _acl(user: str, resource: dict[str, str], operation: str) -> ACL:
    kind = ResourceType[resource["type"].upper()]
    return ACL(
        f"User:{user}",
        "*",
        ACLOperation[operation.upper()],
        ACLPermissionType.ALLOW,
        ResourcePattern(kind, resource["name"]),
    )
