"""The section `tools`: which functions and MCP servers the agent may use, and how freely."""

from typing import Annotated, Self

from pydantic import Field, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from agent.config.sections import Section
from agent.guards.secrets import public


class McpServer(Section):
    """A server of the Model Context Protocol: a command to start, or an address."""

    command: Annotated[list[str], Field(min_length=1)] | None = Field(
        default=None, description="Program and arguments of a server on stdin and stdout."
    )
    environment: list[str] = Field(
        default=[], description="Names of environment variables that are handed on to the command."
    )
    url: str | None = Field(default=None, description="Address of a server on HTTP.")
    token: str | None = Field(default=None, description="Sent to the address as a bearer token.")

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.command is None) == (self.url is None):
            raise PydanticCustomError("mcp", "should have either command or url")
        return self

    @property
    def title(self) -> str:
        """The command or the address as people may see it: without its secrets."""
        if self.command is None:
            return str(public(self.url, "url"))
        return " ".join(public(self.command, "command"))


class ToolSettings(Section):
    """A function or all the tools of an MCP server. A name alone stands for `{function: NAME}`."""

    function: str | None = Field(
        default=None,
        description="A built-in (time, timer, stop, repeat, volume), or package.module:function.",
    )
    mcp: McpServer | None = Field(default=None, description="A server of tools.")
    only: list[str] | None = Field(
        default=None, description="The tools of the server that are used; null for all."
    )
    timeout: Annotated[float, Field(gt=0, le=3600)] = Field(
        default=30.0, description="Seconds after which a call is given up."
    )
    result_limit: Annotated[int, Field(ge=100)] = Field(
        default=8000, description="Characters of a result that the model is shown."
    )
    confirm: bool | str | list[str] = Field(
        default=False,
        description="Ask aloud and wait for a yes: true, the question ('Open the {door} door?'), "
        "or the server's tools that need it.",
    )

    @model_validator(mode="before")
    @classmethod
    def _name_alone(cls, value: object) -> object:
        return {"function": value} if isinstance(value, str) else value

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """For editors: a name alone is right, too."""
        schema = handler(core_schema)
        handler.resolve_ref_schema(schema)["type"] = ["object", "string"]
        return schema

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.function is None) == (self.mcp is None):
            raise PydanticCustomError("tool", "should have either function or mcp")
        if self.mcp is None and (self.only is not None or isinstance(self.confirm, list)):
            raise PydanticCustomError("tool", "names tools, which only an mcp server has")
        return self

    def needs_confirmation(self, name: str) -> bool | str:
        """Whether tool `name` has to be asked about, or the question itself."""
        return name in self.confirm if isinstance(self.confirm, list) else self.confirm
